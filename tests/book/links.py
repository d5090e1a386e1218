"""Refuses a book one of whose links leads nowhere: links.py FOLDER"""

import pathlib
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.ids = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.add(attributes.get("id"))
        link = attributes.get("href" if tag == "a" else "src")
        if link and tag in ("a", "img"):
            self.links.append(link)


folder = pathlib.Path(sys.argv[1]).resolve()
pages = {path: Page(path.read_text()) for path in folder.rglob("*.html")}
faults, checked = [], 0
for path, page in pages.items():
    # Made for all paths of a site at once.
    if path.name in ("404.html", "print.html", "toc.html"):
        continue
    for link in page.links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        checked += 1
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not target.exists():
            faults.append(f"{path.name}: {link}: no such page")
        elif parts.fragment and target in pages and parts.fragment not in pages[target].ids:
            faults.append(f"{path.name}: {link}: no such heading")
print("\n".join(faults) or f"the book: {len(pages)} pages, {checked} links, each leads somewhere")
sys.exit(bool(faults) or checked < 50)
