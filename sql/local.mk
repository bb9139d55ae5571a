# sql/: see HACKING.md
