"""How values look in a notebook: static HTML, and pictures and sounds as such.

All that a server said is untrusted. It is escaped; no address of it becomes a link or is fetched;
nothing here runs, neither now nor when a saved notebook is opened. Of what it calls a picture or a
sound, only raster pictures and sounds are handed to the browser, as ``data:`` of a type that is
listed here; HTML, SVG, Markdown, PDF and everything else is shown as its escaped text, or as a
note of its type and size.

Colours are those of JupyterLab, VS Code or the theme of a page, where it sets any, and follow
``prefers-color-scheme`` elsewhere; without any style sheet it is still a plain table. This room is
imported by the first value that a notebook shows, and knows values alone, no client.
"""
