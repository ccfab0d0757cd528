"""Articles that an issue cites: a page's title, outlet, authors and date, and the link or item to paste."""

from newsletter.articles.article import Article, UnreadableArticle
from newsletter.articles.reading import read_article

__all__ = ["Article", "UnreadableArticle", "read_article"]
