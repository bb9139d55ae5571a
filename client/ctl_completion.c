/* The completions are programs in three languages that know the table: each
 * option with its values, each verb with its options and arguments.  Ids are
 * asked of the server, with the connection options already typed. */
#include "client/ctl_options.h"

#include "client/ctl_text.h"

#include <string.h>

#define SHOWN_IDS "100"		/* more ids are no help to a person */

static void add_words(struct text *t, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		text_addf(t, "%s%s", i ? " " : "", words[i]);
}

static void add_verbs(struct text *t)
{
	for (const struct verb_row *v = verb_rows; v->name; v++)
		text_addf(t, "%s%s", v > verb_rows ? " " : "", v->name);
}

/* Was an option of this name seen in a row above? */
static bool is_repeated(const struct option_row *row)
{
	for (const struct option_row *r = option_rows; r < row; r++)
		if (!strcmp(r->name, row->name))
			return true;
	return false;
}

static bool is_list(const struct option_row *row)
{
	return row->kind == KIND_STATES || row->kind == KIND_MASK;
}

/* s inside single quotes; each of `special` gets a backslash. */
static void add_quoted(struct text *t, const char *s, const char *special,
		       const char *quote)
{
	for (; *s; s++) {
		if (*s == '\'') {
			text_add(t, quote);
			continue;
		}
		if (strchr(special, *s))
			text_add_char(t, '\\');
		text_add_char(t, *s);
	}
}

/* --- bash ----------------------------------------------------------------- */

static const char bash_head[] =
	"# bash completion for heygenctl: the output of "
	"\"heygenctl completion bash\"\n"
	"\n"
	"__heygenctl_ids()\n"
	"{\n"
	"\theygenctl \"${conn[@]}\" -q --request-timeout 2s -o id list "
	"--limit " SHOWN_IDS " \"$@\" 2>/dev/null\n"
	"}\n"
	"\n"
	"__heygenctl_list()\n"
	"{\n"
	"\tlocal kept=\n"
	"\n"
	"\t[[ $cur == *,* ]] && kept=${cur%,*},\n"
	"\tCOMPREPLY=($(compgen -P \"$kept\" -W \"$1\" -- \"${cur##*,}\"))\n"
	"}\n"
	"\n"
	"_heygenctl()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} option= verb= word i opts= "
	"args=0 glue=\n"
	"\tlocal -a conn=() words=()\n"
	"\n"
	"\tCOMPREPLY=()\n"
	"\t# bash takes http://host:port apart at its colons\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tif [[ -n $glue || $word == :* ]] && ((${#words[@]})); then\n"
	"\t\t\twords[${#words[@]} - 1]+=$word\n"
	"\t\telse\n"
	"\t\t\twords+=(\"$word\")\n"
	"\t\tfi\n"
	"\t\tglue=\n"
	"\t\t[[ $word == *: ]] && glue=1\n"
	"\tdone\n"
	"\t[[ -n $glue || $cur == :* ]] && return\n"
	"\tfor ((i = 0; i < ${#words[@]}; i++)); do\n"
	"\t\tword=${words[i]}\n"
	"\t\toption=\n"
	"\t\tcase $word in\n";

static const char bash_tail[] =
	"\t*)\n"
	"\t\treturn\n"
	"\t\t;;\n"
	"\tesac\n"
	"\tCOMPREPLY=($(compgen -W \"$opts\" -- \"$cur\"))\n"
	"}\n"
	"\n"
	"complete -o bashdefault -F _heygenctl heygenctl\n";

static void bash_pattern(struct text *t, const struct option_row *r)
{
	if (r->letter)
		text_addf(t, "-%c | ", r->letter);
	text_addf(t, "--%s", r->name);
}

/* A pattern of all options with a value. */
static void bash_with_values(struct text *t)
{
	bool first = true;

	text_add(t, "\t\t");
	for (const struct option_row *r = option_rows; r->name; r++) {
		if (!r->arg || is_repeated(r))
			continue;
		if (!first)
			text_add(t, " | ");
		bash_pattern(t, r);
		first = false;
	}
	text_add(t, ")\n");
}

static void bash_values(struct text *t)
{
	text_add(t, "\tcase $option in\n");
	for (const struct option_row *r = option_rows; r->name; r++) {
		if (!r->arg || is_repeated(r))
			continue;
		if (!r->words && r->kind != KIND_FILE)
			continue;
		text_add(t, "\t");
		bash_pattern(t, r);
		text_add(t, ")\n\t\t");
		if (r->kind == KIND_FILE) {
			text_add(t, "compopt -o filenames 2>/dev/null\n"
				    "\t\tmapfile -t COMPREPLY < <(compgen -f "
				    "-- \"$cur\")\n\t\treturn\n\t\t;;\n");
			continue;
		}
		if (is_list(r))
			text_add(t, "__heygenctl_list '");
		else
			text_add(t, "COMPREPLY=($(compgen -W '");
		add_words(t, r->words);
		text_add(t, is_list(r) ? "'\n\t\treturn\n\t\t;;\n" :
			    "' -- \"$cur\"))\n\t\treturn\n\t\t;;\n");
	}
	text_add(t, "\t?*)\n\t\treturn\n\t\t;;\n\tesac\n");
}

static void bash_options(struct text *t, const struct verb_row *v, bool global)
{
	bool first = true;

	for (const struct option_row *r = option_rows; r->name; r++) {
		if (global != !!(r->take & TAKE_GLOBAL) ||
		    !options_applies(r, v))
			continue;
		text_addf(t, "%s--%s", first ? "" : " ", r->name);
		first = false;
	}
}

static void bash_verb_options(struct text *t)
{
	text_add(t, "\tif [[ $cur == -* ]]; then\n\t\topts='");
	bash_options(t, NULL, true);
	text_add(t, "'\n\t\tcase $verb in\n");
	for (const struct verb_row *v = verb_rows; v->name; v++) {
		if (!v->take)
			continue;
		text_addf(t, "\t\t%s)\n\t\t\topts+=' ", v->name);
		bash_options(t, v, false);
		text_add(t, "'\n\t\t\t;;\n");
	}
	text_add(t, "\t\tesac\n\t\tCOMPREPLY=($(compgen -W \"$opts\" -- "
		    "\"$cur\"))\n\t\treturn\n\tfi\n");
}

static void bash_args(struct text *t, const struct verb_row *v)
{
	switch (v->args_kind) {
	case ARGS_NONE:
	case ARGS_URL:
		return;
	case ARGS_IDS:
	case ARGS_PRIORITY:
		text_addf(t, "\t%s)\n", v->name);
		if (v->args_max == 1)
			text_add(t, "\t\t((args > 0)) && return\n");
		text_add(t, "\t\topts=");
		if (v->args_kind == ARGS_PRIORITY) {
			text_add(t, "'");
			add_words(t, priority_words);
			text_add(t, "'\n\t\t((args > 0)) && opts=");
		}
		text_add(t, "$(__heygenctl_ids");
		if (v->acts_on)
			text_addf(t, " --state %s", v->acts_on);
		text_add(t, ")\n\t\t;;\n");
		return;
	case ARGS_WORDS:
	case ARGS_VERB:
		text_addf(t, "\t%s)\n\t\t((args > 0)) && return\n\t\topts='",
			  v->name);
		if (v->args_kind == ARGS_VERB)
			add_verbs(t);
		else
			add_words(t, v->words);
		text_add(t, "'\n\t\t;;\n");
		return;
	}
}

static void print_bash(struct text *t)
{
	text_add(t, bash_head);
	bash_with_values(t);
	text_add(t, "\t\t\toption=$word\n"
		    "\t\t\t[[ ${words[i + 1]} == = ]] && ((i++))\n"
		    "\t\t\tif ((i + 1 < ${#words[@]})); then\n"
		    "\t\t\t\t[[ $word == -s || $word == --server || "
		    "$word == --api-key-file ]] &&\n"
		    "\t\t\t\t\tconn+=(\"$word\" \"${words[i + 1]}\")\n"
		    "\t\t\t\toption=\n\t\t\tfi\n"
		    "\t\t\t((i++))\n\t\t\t;;\n"
		    "\t\t-*) ;;\n"
		    "\t\t*)\n\t\t\tif [[ -z $verb ]]; then\n"
		    "\t\t\t\tverb=$word\n\t\t\telse\n\t\t\t\t((args++))\n"
		    "\t\t\tfi\n\t\t\t;;\n\t\tesac\n\tdone\n"
		    "\t[[ $cur == = ]] && cur=\n\n");
	bash_values(t);
	bash_verb_options(t);
	text_add(t, "\tcase $verb in\n\t'')\n\t\topts='");
	add_verbs(t);
	text_add(t, "'\n\t\t;;\n");
	for (const struct verb_row *v = verb_rows; v->name; v++)
		bash_args(t, v);
	text_add(t, bash_tail);
}

/* --- zsh ------------------------------------------------------------------ */

static const char zsh_head[] =
	"#compdef heygenctl\n"
	"# zsh completion for heygenctl: the output of "
	"\"heygenctl completion zsh\"\n"
	"\n"
	"_heygenctl_ids() {\n"
	"\tlocal -a ids\n"
	"\tids=(${(f)\"$(_call_program ids heygenctl $conn -q "
	"--request-timeout 2s -o id list --limit " SHOWN_IDS
	" $1 2>/dev/null)\"})\n"
	"\tcompadd -V ids -a ids\n"
	"}\n"
	"\n";

static void zsh_option(struct text *t, const struct option_row *r)
{
	const char *again = r->kind == KIND_COUNT || r->kind == KIND_WORDS ||
			    is_list(r) ? "*" : "";

	text_add(t, "\t\t");
	if (r->letter && *again)
		text_addf(t, "'*'{-%c,--%s}'[", r->letter, r->name);
	else if (r->letter)
		text_addf(t, "'(-%c --%s)'{-%c%s,--%s%s}'[", r->letter,
			  r->name, r->letter, r->arg ? "+" : "", r->name,
			  r->arg ? "=" : "");
	else
		text_addf(t, "'%s--%s%s[", again, r->name, r->arg ? "=" : "");
	add_quoted(t, r->help, "[]:\\", "'\\''");
	text_add_char(t, ']');
	if (r->arg) {
		text_addf(t, ":%s:", r->arg);
		if (r->kind == KIND_FILE)
			text_add(t, "_files");
		else if (r->words) {
			text_add(t, is_list(r) ? "_sequence compadd - " : "(");
			add_words(t, r->words);
			text_add(t, is_list(r) ? "" : ")");
		}
	}
	text_add(t, "'\n");
}

static void zsh_args(struct text *t, const struct verb_row *v)
{
	const char *one = v->args_max == 1 ? "1" : "*";

	switch (v->args_kind) {
	case ARGS_NONE:
		break;
	case ARGS_URL:
		text_add(t, "\t\t\t\t'1:URL:_urls'\n");
		break;
	case ARGS_PRIORITY:
		text_add(t, "\t\t\t\t'1:priority:(");
		add_words(t, priority_words);
		text_add(t, ")'\n");
		/* fall through */
	case ARGS_IDS:
		text_addf(t, "\t\t\t\t'%s:ID: _heygenctl_ids%s%s'\n", one,
			  v->acts_on ? " --state=" : "",
			  v->acts_on ? v->acts_on : "");
		break;
	case ARGS_WORDS:
	case ARGS_VERB:
		text_add(t, "\t\t\t\t'1:word:(");
		if (v->args_kind == ARGS_VERB)
			add_verbs(t);
		else
			add_words(t, v->words);
		text_add(t, ")'\n");
		break;
	}
}

static void zsh_verb(struct text *t, const struct verb_row *v)
{
	text_addf(t, "\t\t%s)\n\t\t\tspecs=(\n", v->name);
	for (const struct option_row *r = option_rows; r->name; r++)
		if (!(r->take & TAKE_GLOBAL) && options_applies(r, v)) {
			text_add(t, "\t\t");
			zsh_option(t, r);
		}
	zsh_args(t, v);
	text_add(t, "\t\t\t)\n\t\t\t;;\n");
}

static void print_zsh(struct text *t)
{
	text_add(t, zsh_head);
	text_add(t, "_heygenctl() {\n"
		    "\tlocal curcontext=\"$curcontext\" state line\n"
		    "\tlocal -A opt_args\n"
		    "\tlocal -a verbs specs globals conn\n"
		    "\tlocal i\n"
		    "\t# the connection that was typed, for _heygenctl_ids\n"
		    "\tfor ((i = 2; i < CURRENT; i++)); do\n"
		    "\t\tcase $words[i] in\n"
		    "\t\t-s|--server|--api-key-file)\n"
		    "\t\t\tconn+=($words[i] ${(Q)words[i + 1]})\n"
		    "\t\t\t;;\n"
		    "\t\t-s?*|--server=*|--api-key-file=*)\n"
		    "\t\t\tconn+=(${(Q)words[i]})\n"
		    "\t\t\t;;\n"
		    "\t\tesac\n"
		    "\tdone\n"
		    "\tglobals=(\n");
	for (const struct option_row *r = option_rows; r->name; r++)
		if (r->take & TAKE_GLOBAL)
			zsh_option(t, r);
	text_add(t, "\t)\n\tverbs=(\n");
	for (const struct verb_row *v = verb_rows; v->name; v++) {
		text_addf(t, "\t\t'%s:", v->name);
		add_quoted(t, v->help, ":\\", "'\\''");
		text_add(t, "'\n");
	}
	text_add(t, "\t)\n"
		    "\t_arguments -C -S -A '-*' $globals '1:verb:->verb' "
		    "'*::argument:->argument'\n"
		    "\tcase $state in\n"
		    "\tverb)\n"
		    "\t\t_describe -t verbs verb verbs\n"
		    "\t\t;;\n"
		    "\targument)\n"
		    "\t\tcase $line[1] in\n");
	for (const struct verb_row *v = verb_rows; v->name; v++)
		zsh_verb(t, v);
	text_add(t, "\t\tesac\n"
		    "\t\t_arguments -S $globals $specs\n"
		    "\t\t;;\n"
		    "\tesac\n"
		    "}\n\n"
		    "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
		    "\t_heygenctl \"$@\"\n"
		    "else\n"
		    "\tcompdef _heygenctl heygenctl\n"
		    "fi\n");
}

/* --- fish ----------------------------------------------------------------- */

static void fish_words_with_value(struct text *t)
{
	for (const struct option_row *r = option_rows; r->name; r++) {
		if (!r->arg || is_repeated(r))
			continue;
		if (r->letter)
			text_addf(t, " -%c", r->letter);
		text_addf(t, " --%s", r->name);
	}
}

static const char fish_functions[] =
	"\n"
	"# What was typed behind the options: the verb and its arguments.\n"
	"function __heygenctl_args\n"
	"\tset -l skip 0\n"
	"\tfor word in (commandline -opc)[2..-1]\n"
	"\t\tif test $skip = 1\n"
	"\t\t\tset skip 0\n"
	"\t\telse if contains -- $word $__heygenctl_with_value\n"
	"\t\t\tset skip 1\n"
	"\t\telse if not string match -q -- '-*' $word\n"
	"\t\t\techo $word\n"
	"\t\tend\n"
	"\tend\n"
	"end\n"
	"\n"
	"# Is the verb one of these?  None: has none been typed yet?\n"
	"function __heygenctl_verb\n"
	"\tset -l typed (__heygenctl_args)\n"
	"\tif test (count $argv) = 0\n"
	"\t\ttest (count $typed) = 0\n"
	"\telse\n"
	"\t\ttest (count $typed) -gt 0; and contains -- $typed[1] $argv\n"
	"\tend\n"
	"end\n"
	"\n"
	"function __heygenctl_first\n"
	"\t__heygenctl_verb $argv; and test (count (__heygenctl_args)) = 1\n"
	"end\n"
	"\n"
	"function __heygenctl_later\n"
	"\t__heygenctl_verb $argv; and test (count (__heygenctl_args)) -gt 1\n"
	"end\n"
	"\n"
	"function __heygenctl_ids\n"
	"\tset -l conn\n"
	"\tset -l words (commandline -opc)\n"
	"\tfor i in (seq 2 (count $words))\n"
	"\t\tif contains -- $words[$i] -s --server --api-key-file\n"
	"\t\t\tset -a conn $words[$i] $words[(math $i + 1)]\n"
	"\t\tend\n"
	"\tend\n"
	"\theygenctl $conn -q --request-timeout 2s -o id list "
	"--limit " SHOWN_IDS " $argv 2>/dev/null\n"
	"end\n"
	"\n"
	"# The words of a list with commas: what is there already, and one "
	"more.\n"
	"function __heygenctl_list\n"
	"\tset -l done (string match -r -- '^(?:.*[,=])?' (commandline -ct))\n"
	"\tstring replace -r -- '^' (string replace -r -- '^--[a-z-]+=' '' "
	"\"$done\") $argv\n"
	"end\n"
	"\n"
	"complete -c heygenctl -f\n";

static void fish_option(struct text *t, const struct option_row *r,
			const char *verbs)
{
	text_add(t, "complete -c heygenctl");
	if (verbs)
		text_addf(t, " -n '__heygenctl_verb%s'", verbs);
	if (r->letter)
		text_addf(t, " -s %c", r->letter);
	text_addf(t, " -l %s", r->name);
	if (r->kind == KIND_FILE)
		text_add(t, " -rF");
	else if (r->arg)
		text_add(t, " -x");
	if (r->words) {
		text_add(t, is_list(r) ? " -a '(__heygenctl_list " : " -a '");
		add_words(t, r->words);
		text_add(t, is_list(r) ? ")'" : "'");
	}
	text_add(t, " -d '");
	add_quoted(t, r->help, "\\", "\\'");
	text_add(t, "'\n");
}

static void fish_options(struct text *t)
{
	struct text verbs = { 0 };

	for (const struct option_row *r = option_rows; r->name; r++) {
		text_clear(&verbs);
		if (!(r->take & TAKE_GLOBAL))
			for (const struct verb_row *v = verb_rows; v->name; v++)
				if (options_applies(r, v))
					text_addf(&verbs, " %s", v->name);
		fish_option(t, r, verbs.len ? verbs.s : NULL);
	}
	text_free(&verbs);
}

static void fish_ids(struct text *t, const struct verb_row *v)
{
	const char *when = v->args_kind == ARGS_PRIORITY ? "later" :
			   v->args_max == 1 ? "first" : "verb";

	text_addf(t, "complete -c heygenctl -n '__heygenctl_%s %s' -k -a "
		  "'(__heygenctl_ids%s%s)'\n", when, v->name,
		  v->acts_on ? " --state " : "", v->acts_on ? v->acts_on : "");
}

static void fish_verb(struct text *t, const struct verb_row *v)
{
	text_addf(t, "complete -c heygenctl -n __heygenctl_verb -a %s -d '",
		  v->name);
	add_quoted(t, v->help, "\\", "\\'");
	text_add(t, "'\n");
	if (v->args_kind == ARGS_IDS || v->args_kind == ARGS_PRIORITY)
		fish_ids(t, v);
	if (v->args_kind == ARGS_NONE || v->args_kind == ARGS_URL ||
	    v->args_kind == ARGS_IDS)
		return;
	text_addf(t, "complete -c heygenctl -n '__heygenctl_first %s' -a '",
		  v->name);
	if (v->args_kind == ARGS_VERB)
		add_verbs(t);
	else
		add_words(t, v->words ? v->words : priority_words);
	text_add(t, "'\n");
}

static void print_fish(struct text *t)
{
	text_add(t, "# fish completion for heygenctl: the output of "
		    "\"heygenctl completion fish\"\n\n"
		    "set -g __heygenctl_with_value");
	fish_words_with_value(t);
	text_add_char(t, '\n');
	text_add(t, fish_functions);
	for (const struct verb_row *v = verb_rows; v->name; v++)
		fish_verb(t, v);
	fish_options(t);
}

bool completion_print(struct text *t, const char *shell)
{
	static const struct {
		const char *name;
		void (*print)(struct text *t);
	} shells[] = {
		{ "bash", print_bash }, { "zsh", print_zsh },
		{ "fish", print_fish },
	};

	for (size_t i = 0; i < sizeof(shells) / sizeof(*shells); i++)
		if (!strcmp(shells[i].name, shell)) {
			shells[i].print(t);
			return true;
		}
	return false;
}
