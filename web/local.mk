# web/: see HACKING.md
