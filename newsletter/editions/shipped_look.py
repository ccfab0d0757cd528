"""The look that comes with the program, for pages and mails that have to go on while a publication's own is broken."""

from dataclasses import replace

from newsletter.editions.edition_context import EditionContext


def use_shipped_look(context: EditionContext) -> EditionContext:
    """Return the context with nothing of the publication's own but its words and colours, nor of the workspace's."""
    theme = context.config.theme.model_copy(update={"logo": None})
    config = context.config.model_copy(update={"theme": theme})
    return replace(context, config=config, template_path=context.template_path[-1:])
