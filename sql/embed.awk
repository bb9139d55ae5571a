# Turns SQL files into C.  awk -v want=h|c -f embed.awk FILE...
#
# store/job_insert.sql becomes STMT_JOB_INSERT, its text, and for each
# parameter (:now_ms) the number SQLite gives it (JOB_INSERT_NOW_MS), so a
# misspelt name does not compile.  The same for reader/, READ_.  The files of
# schema/ are the migrations in order of their numbers, those of views/ the
# views by name; their comments stay, for people who ask for .schema.

function flush_file(   set, words, n, i, clean, name, up) {
	if (!file)
		return
	n = split(file, words, "/")
	set = words[n - 1]
	name = words[n]
	sub(/\.sql$/, "", name)
	count[set]++
	names[set, count[set]] = name
	texts[set, count[set]] = text
	if (set == "store" || set == "reader")
		parameters(set, count[set], text)
}

# SQLite numbers named parameters from 1 in the order they first appear.
function parameters(set, at, sql,   known, n, word) {
	gsub(/'[^']*'/, "", sql)
	n = 0
	split("", known)
	while (match(sql, /:[a-z][a-z0-9_]*/)) {
		word = substr(sql, RSTART + 1, RLENGTH - 1)
		sql = substr(sql, RSTART + RLENGTH)
		if (word in known)
			continue
		known[word] = 1
		params[set, at, ++n] = word
	}
	param_count[set, at] = n
}

function upper_name(set, at) { return toupper(names[set, at]) }

function print_enum(set, prefix, type, last,   i, j) {
	print "enum " type " {"
	for (i = 1; i <= count[set]; i++)
		print "\t" prefix upper_name(set, i) ","
	print "\t" last "\n};"
	for (i = 1; i <= count[set]; i++) {
		if (!param_count[set, i])
			continue
		print "enum {"
		for (j = 1; j <= param_count[set, i]; j++)
			print "\t" upper_name(set, i) "_" \
				toupper(params[set, i, j]) " = " j ","
		print "};"
	}
	print ""
}

function quote(sql,   lines, n, i, out) {
	n = split(sql, lines, "\n")
	out = ""
	for (i = 1; i < n; i++)
		out = out "\n\t\t\"" lines[i] "\\n\""
	return out
}

function print_texts(set, array, prefix,   i) {
	print "\nconst char *const " array "[] = {"
	for (i = 1; i <= count[set]; i++)
		print "\t" (prefix ? "[" prefix upper_name(set, i) "] =" : "") \
			quote(texts[set, i]) ","
	print "};"
}

FNR == 1 {
	flush_file()
	file = FILENAME
	text = ""
}
{
	line = $0
	if (file ~ /\/(store|reader)\//)
		sub(/[ \t]*--.*$/, "", line)
	gsub(/\\/, "\\\\", line)
	gsub(/"/, "\\\"", line)
	if (line != "")
		text = text line "\n"
}
END {
	flush_file()
	print "/* Made from sql/ by sql/embed.awk. */"
	if (want == "h") {
		print "#ifndef SQL_SQL_H\n#define SQL_SQL_H\n"
		print_enum("store", "STMT_", "stmt", "STMTS")
		print_enum("reader", "READ_", "read_stmt", "READ_STMTS")
		print "#define SCHEMA_VIEWS " count["views"] "\n"
		print "extern const int schema_version;"
		print "extern const char *const stmt_sql[];"
		print "extern const char *const read_sql[];"
		print "extern const char *const schema_sql[];"
		print "extern const char *const view_sql[];"
		print "extern const char *const view_names[];\n"
		print "#endif"
	} else {
		print "#include \"sql/sql.h\""
		print "\nconst int schema_version = " count["schema"] ";"
		print_texts("store", "stmt_sql", "STMT_")
		print_texts("reader", "read_sql", "READ_")
		print_texts("schema", "schema_sql", "")
		print_texts("views", "view_sql", "")
		print "\nconst char *const view_names[] = {"
		for (i = 1; i <= count["views"]; i++)
			print "\t\"" names["views", i] "\","
		print "};"
	}
}
