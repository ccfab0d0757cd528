"""Tables of the properties, tags and words by which each feature of caniemail.com's data is recognised.

Everything here is data. The slugs are caniemail.com's own, misspellings included (`css-sytem-ui`).
"""

from collections.abc import Mapping


def _name_after_words(prefix: str, words: str) -> dict[str, str]:
    """Return words whose feature is called like them."""
    return {word: prefix + word for word in words.split()}


def _group_words(features: Mapping[str, str]) -> dict[str, str]:
    """Return words by the feature that they share."""
    return {word: slug for slug, words in features.items() for word in words.split()}


PROPERTIES: Mapping[str, str] = _name_after_words(
    "css-",
    """
    accent-color align-items aspect-ratio backdrop-filter background background-blend-mode background-clip
    background-color background-image background-origin background-repeat background-size border-collapse
    border-spacing box-shadow box-sizing caption-side clear clip-path color-scheme column-count cursor direction
    display empty-cells filter float font font-kerning font-size font-size-adjust font-stretch font-weight height
    hyphenate-character hyphenate-limit-chars hyphens inline-size justify-content letter-spacing line-height
    list-style list-style-image list-style-position list-style-type max-block-size max-height max-inline-size
    max-width min-block-size min-height min-inline-size min-width mix-blend-mode object-fit object-position opacity
    orphans outline-offset overflow-wrap position resize shape-margin shape-outside tab-size table-layout text-align
    text-align-last text-decoration text-decoration-color text-decoration-line text-decoration-skip-ink
    text-decoration-style text-decoration-thickness text-emphasis-position text-indent text-justify text-orientation
    text-overflow text-shadow text-transform text-underline-offset text-underline-position transform user-select
    vertical-align visibility white-space white-space-collapse widows width word-break word-spacing word-wrap
    writing-mode z-index
    """,
) | _group_words(
    {
        "css-animation": """animation animation-name animation-duration animation-timing-function animation-delay
            animation-iteration-count animation-direction animation-fill-mode animation-play-state""",
        "css-background-position": "background-position background-position-x background-position-y",
        "css-block-inline-size": "block-size",
        "css-border": """border border-width border-style border-color
            border-top border-top-width border-top-style border-top-color
            border-right border-right-width border-right-style border-right-color
            border-bottom border-bottom-width border-bottom-style border-bottom-color
            border-left border-left-width border-left-style border-left-color""",
        "css-border-image": """border-image border-image-source border-image-slice border-image-width
            border-image-outset border-image-repeat""",
        "css-border-inline-block": "border-inline border-block",
        "css-border-inline-block-individual": """
            border-inline-color border-inline-style border-inline-width border-inline-start border-inline-end
            border-block-color border-block-style border-block-width border-block-start border-block-end""",
        "css-border-inline-block-longhand": """
            border-inline-start-color border-inline-start-style border-inline-start-width
            border-inline-end-color border-inline-end-style border-inline-end-width
            border-block-start-color border-block-start-style border-block-start-width
            border-block-end-color border-block-end-style border-block-end-width""",
        "css-border-radius": """border-radius border-top-left-radius border-top-right-radius
            border-bottom-left-radius border-bottom-right-radius""",
        "css-border-radius-logical": """border-start-start-radius border-start-end-radius
            border-end-start-radius border-end-end-radius""",
        "css-column-layout-properties": """columns column-fill column-rule column-rule-color column-rule-style
            column-rule-width column-span column-width""",
        "css-gap": "gap row-gap column-gap grid-gap grid-row-gap grid-column-gap",
        "css-grid-template": "grid grid-template grid-template-areas grid-template-columns grid-template-rows",
        "css-inset": """inset inset-block inset-block-start inset-block-end
            inset-inline inset-inline-start inset-inline-end""",
        "css-left-right-top-bottom": "left right top bottom",
        "css-margin": "margin margin-top margin-right margin-bottom margin-left",
        "css-margin-block-start-end": "margin-block-start margin-block-end",
        "css-margin-inline-block": "margin-inline margin-block",
        "css-margin-inline-start-end": "margin-inline-start margin-inline-end",
        "css-mask-image": "mask mask-image",
        "css-outline": "outline outline-color outline-style outline-width",
        "css-overflow": "overflow overflow-x overflow-y overflow-block overflow-inline",
        "css-padding": "padding padding-top padding-right padding-bottom padding-left",
        "css-padding-block-start-end": "padding-block-start padding-block-end",
        "css-padding-inline-block": "padding-inline padding-block",
        "css-padding-inline-start-end": "padding-inline-start padding-inline-end",
        "css-scroll-snap": """scroll-snap-type scroll-snap-align scroll-snap-stop
            scroll-margin scroll-margin-top scroll-margin-right scroll-margin-bottom scroll-margin-left
            scroll-padding scroll-padding-top scroll-padding-right scroll-padding-bottom scroll-padding-left""",
        "css-text-emphasis": "text-emphasis text-emphasis-color text-emphasis-style",
        "css-text-wrap": "text-wrap text-wrap-mode text-wrap-style",
        "css-transition": """transition transition-behavior transition-delay transition-duration
            transition-property transition-timing-function""",
    }
)

# Words that make a feature of their own out of a property.
VALUES: Mapping[str, Mapping[str, str]] = {
    "display": _group_words(
        {"css-display-flex": "flex inline-flex", "css-display-grid": "grid inline-grid", "css-display-none": "none"}
    ),
    "flex-direction": {"column": "css-flex-direction", "column-reverse": "css-flex-direction"},
    "flex-wrap": {"wrap": "css-flex-wrap", "wrap-reverse": "css-flex-wrap"},
    "flex-flow": _group_words({"css-flex-direction": "column column-reverse", "css-flex-wrap": "wrap wrap-reverse"}),
}

# Shorthands in which a picture is another feature, too.
PICTURED: Mapping[str, str] = {"background": "css-background-image", "list-style": "css-list-style-image"}

# Words that are a feature in any property.
KEYWORDS: Mapping[str, str] = _group_words(
    {
        "css-unit-initial": "initial",
        "css-intrinsic-size": "fit-content min-content max-content",
        "css-sytem-ui": "system-ui ui-serif ui-sans-serif ui-rounded ui-monospace",
    }
)

# The values that an element has anyway: a client that lacks the property shows just this, and nothing is missing.
INITIAL: Mapping[str, str] = {
    property_: value
    for value, properties in {
        "none": """animation background-image box-shadow clear filter float max-height max-width text-shadow transform
            transition""",
        "normal": "letter-spacing overflow-wrap word-break word-spacing word-wrap",
        "0": "min-height min-width",
        "1": "opacity",
        "auto": "background-size cursor table-layout z-index",
        "static": "position",
        "visible": "overflow",
    }.items()
    for property_ in properties.split()
}

FUNCTIONS: Mapping[str, str] = _name_after_words("css-function-", "clamp light-dark max min") | _group_words(
    {
        "css-conic-gradient": "conic-gradient repeating-conic-gradient",
        "css-intrinsic-size": "fit-content",
        "css-linear-gradient": "linear-gradient repeating-linear-gradient",
        "css-modern-color": "lab lch oklab oklch",
        "css-radial-gradient": "radial-gradient repeating-radial-gradient",
        "css-rgb": "rgb",
        "css-rgba": "rgba",
        "css-unit-calc": "calc",
        "css-variables": "var",
    }
)
UNITS: Mapping[str, str] = _name_after_words("css-unit-", "ch cm em ex in mm pc pt px rem vh vmax vmin vw") | {
    "%": "css-unit-percent"
}

AT_RULES: Mapping[str, str] = _name_after_words("css-at-", "font-face import keyframes media supports")
# Without `min-`, `max-` and a vendor's prefix.
MEDIA_FEATURES: Mapping[str, str] = _name_after_words(
    "css-at-media-", "device-pixel-ratio hover orientation prefers-color-scheme prefers-reduced-motion"
) | {"any-hover": "css-at-media-hover"}

PSEUDO_CLASSES: Mapping[str, str] = _name_after_words(
    "css-pseudo-class-",
    """
    active checked default first-child first-of-type focus focus-visible focus-within has hover lang last-child
    last-of-type link not nth-child nth-last-child nth-last-of-type nth-of-type only-child only-of-type target visited
    """,
)
PSEUDO_ELEMENTS: Mapping[str, str] = _name_after_words(
    "css-pseudo-element-", "after before first-letter first-line marker placeholder"
)
COMBINATORS: Mapping[str, str] = {
    " ": "css-selector-descendant",
    ">": "css-selector-child",
    "+": "css-selector-adjacent-sibling",
    "~": "css-selector-general-sibling",
}

ELEMENTS: Mapping[str, str] = _name_after_words(
    "html-",
    """
    abbr acronym address audio base bdi blockquote body code del dfn dialog div form hr img link marquee meter object
    p picture pre progress rp rt ruby select small span strike strong style svg table textarea video wbr
    """,
) | _group_words(
    {
        "html-h1-h6": "h1 h2 h3 h4 h5 h6",
        "html-image-maps": "map area",
        "html-lists": "ul ol li dl dt dd",
        "html-object": "embed",
        "html-semantics": "article aside details figcaption figure footer header main mark nav section summary time",
        # The parts of MJML that one writes for the sake of these.
        "html-img": "mj-image",
        "html-style": "mj-style",
        "html-table": "mj-table",
    }
)
# By tag and type; "" where none is given.
TYPED: Mapping[tuple[str, str], str] = {
    ("input", kind): slug
    for kind, slug in _name_after_words("html-input-", "checkbox hidden radio reset submit text").items()
} | {
    ("input", ""): "html-input-text",
    ("button", ""): "html-button-submit",
    ("button", "submit"): "html-button-submit",
    ("button", "reset"): "html-button-reset",
}
ATTRIBUTES: Mapping[str, str] = _name_after_words(
    "html-",
    """
    align aria-describedby aria-hidden aria-label aria-labelledby aria-live background cellpadding cellspacing dir
    height hidden lang popover required role srcset target valign width
    """,
) | {
    "inert": "css-inert-attribute",
    "loading": "html-loading-attribute",
    "popovertarget": "html-popover",
    "sizes": "html-srcset",
    "usemap": "html-image-maps",
}
# MJML's own names for what it writes as CSS; its other names are the properties' own. Not here: `background-url`,
# for which MJML makes more than CSS, so that mjml.toml can say what becomes of it.
MJML_ATTRIBUTES: Mapping[str, str] = {
    "align": "text-align",
    "container-background-color": "background-color",
    "inner-border": "border",
    "inner-border-radius": "border-radius",
    "inner-padding": "padding",
}

# By a file's ending, which is also what Pillow calls most of them.
IMAGES: Mapping[str, str] = _name_after_words(
    "image-", "apng avif bmp gif heif ico jpg mp4 png svg tiff webp"
) | _group_words({"image-heif": "heic", "image-jpg": "jpeg", "image-tiff": "tif"})

# Features that css.py, selectors.py and markup.py find without a table.
SYNTAX = frozenset(
    {
        *_name_after_words("css-", "comments important nesting variables").values(),
        *_name_after_words("css-selector-", "attribute chaining class grouping id type universal").values(),
        *_name_after_words("html-", "anchor-links comments doctype mailto-links meta-color-scheme").values(),
        "image-base64",
    }
)

# The features that can't be found in an email's HTML, and why.
ELSEWHERE: Mapping[str, str] = {
    "amp": "AMP is a part of the message beside the HTML, and nothing here makes one.",
    "bimi": "The logo that BIMI shows is in the DNS, not in the mail.",
    "image-hdr": "An HDR picture is a JPEG or an AVIF by its name; that it is one stands in its pixels.",
}
