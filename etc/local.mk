# etc/: see HACKING.md
