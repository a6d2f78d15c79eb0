#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # conditions are called through check
# --json and --progress: what programs read.
. "$(dirname "$0")/lib.sh"

"${DF_BUILD:?is not set}/mkvmcore" "${DF_SRC:?is not set}/tests/fixtures/recipes/kernel-6.1.txt" vmcore || exit 1
schema=$DF_SRC/docs/report.schema.json

cat >ask.py <<'END_OF_PYTHON'
# ask.py SCHEMA FILE [EXPRESSION]: valid, with no member that the schema does not describe, and the expression about the
# report r is true.  A program that validates with an older schema must not refuse what was added since: so the schema itself
# allows other members, at every place.
import json, sys
r = json.load(open(sys.argv[2], encoding="utf-8"))

def strict(node):
    if isinstance(node, list):
        return [strict(x) for x in node]
    if not isinstance(node, dict):
        return node
    closed = {"additionalProperties": False} if isinstance(node.get("properties"), dict) else {}
    return closed | {k: strict(v) for k, v in node.items()}

def newer(node):
    if isinstance(node, list):
        return [newer(x) for x in node]
    if not isinstance(node, dict):
        return node
    return {k: v if k == "classes" else newer(v) for k, v in node.items()} | {"added_later": [1]}

try:
    import jsonschema
    schema = json.load(open(sys.argv[1], encoding="utf-8"))
    jsonschema.validate(r, strict(schema))
    jsonschema.validate(newer(r), schema)
except ImportError:
    pass
ok = all(eval(e, {"r": r}) for e in sys.argv[3:])
sys.exit(0 if ok else "%s: %s" % (sys.argv[3:], json.dumps(r)[:2000]))
END_OF_PYTHON
report_is() { python3 ask.py "$schema" "$@" 2>>"$tmp/err"; }
mode_is() { [ "$(stat -c %a "$1")" = "$2" ]; }

run --json report -c -d 31 vmcore dump
check "a dump with a report" status_is 0
check "the report of a dump" report_is report 'r["mode"] == "dump"' 'r["result"] == "complete"' 'r["exit_status"] == 0' \
	'r["input"]["format"] == "ELF64"' 'r["input"]["machine"] == "x86_64"' 'r["kernel"]["rules"] != []' \
	'r["config"]["level"] == 31' 'r["config"]["codec"] == "zlib"' \
	'r["pages"]["written"] == r["pages"]["kept"] > 0' \
	'r["pages"]["classes"]["free"]["bytes"] == 4096 * r["pages"]["classes"]["free"]["pages"] > 0' \
	'r["outputs"] == [{"name": "dump", "bytes": '"$(stat -c %s dump)"'}]' 'r["messages"] == []'
check "mode 0600" mode_is report 600
run --json report -c -d 31 vmcore other
check "an existing report is not lost" err_has "report: File exists: use -f to overwrite it, or another name"
check "an existing report: no dump either" no_file other
run -f --json report -E -d 31 vmcore elf
check "-f overwrites it" report_is report 'r["config"]["format"] == "elf"' 'r["pages"]["written_elf"] > 0'
run --json /no/such/folder/report -c vmcore other
check "a report that cannot be written is found early" no_file other

run --json none -d 99 vmcore other
check "no report of a wrong command line" no_file none

# ---- never over what the run reads or writes
cp vmcore precious
ln -s precious alias
is_refused() { status_is 1 && err_has "is another file of this command line: choose another name" && cmp -s vmcore precious; }
run -f --json precious -d 31 precious other
check "not over the input" is_refused
run -f --json alias --mem-usage precious
check "not over the input by another name" is_refused
run -f --json precious -i precious -d 31 vmcore other
check "not over what -i names" is_refused
"$MAKEDUMPFILE" -f --json precious -d 31 - other <precious >"$tmp/out" 2>"$tmp/err"
status=$?
check "not over standard input" is_refused
run --json other -d 31 vmcore other
check "not over the output" is_refused
check "no output either" no_file other
run -f --json ./other -d 31 vmcore other
check "not over the output by another name" err_has "other is the file of the report: choose another output"
rm -f other
"$MAKEDUMPFILE" -f --json other -F -d 31 vmcore >other 2>"$tmp/err" </dev/null
status=$?
check "not over the stream" is_refused
rm -f other

run --json - -l -d 31 vmcore stdout.dump
cp "$tmp/out" report
check "to standard output" report_is report 'r["config"]["codec"] == "lzo"'
check "to standard output: other messages go to standard error" err_has "The dumpfile is saved to stdout.dump."
run --json - -F vmcore
check "--json - and -F: one standard output is not enough" err_has "--json - cannot be combined with -F"
"$MAKEDUMPFILE" -F -f --json report -d 31 vmcore >flat 2>"$tmp/err" </dev/null
check "with -F" report_is report 'r["config"]["flattened"]' 'r["outputs"][0]["name"] == "STDOUT"' \
	'0 < r["bytes_out"] < '"$(stat -c %s flat)"
run -f --json report --dry-run=exact -d 31 vmcore none
check "of a dry run" report_is report 'r["config"]["dry_run"]' 'r["outputs"][0]["bytes"] > 0'
check "of a dry run: nothing is saved" no_file none

run -f --json report -d 31 missing other
check "of a run that fails" report_is report 'r["result"] == "failed"' 'r["exit_status"] == 1' 'r["input"] is None' \
	'r["pages"] is None' 'r["outputs"] == []' 'any("missing" in m for m in r["messages"])'
printf 'junk' >"$(printf 'bad\377name')"
run -f --message-level 0 --json report -d 31 "$(printf 'bad\377name')" other
check "names that are no UTF-8; a silent run" report_is report 'any("bad\ufffdname" in m for m in r["messages"])'
head -c 300000 vmcore >cut
run -f --json report -d 31 cut partial
check "of an incomplete dump" report_is report 'r["result"] == "incomplete"' 'r["exit_status"] == 1' \
	'r["input"]["truncated"]' 'r["pages"]["lost"] > 0' 'r["outputs"][0]["name"] == "partial"'
"$MAKEDUMPFILE" -f --json report -R back <flat >"$tmp/out" 2>"$tmp/err"
check "of -R" report_is report 'r["mode"] == "rearrange"' 'r["input"] is None' \
	'r["outputs"] == [{"name": "back", "bytes": '"$(stat -c %s back)"'}]'

run -f --json report -z --compression-level 3 -d 31 vmcore dump
check "the level of the compressor" report_is report 'r["config"]["compression_level"] == 3'
run -f --json report --mem-usage vmcore
check "of --mem-usage" report_is report 'r["mode"] == "mem-usage"' 'r["pages"]["zero"] > 0' 'r["outputs"] == []'
cp report whole.report
rm -f lacking
run -c -d 31 vmcore lacking
run -f --json report --mem-usage lacking
check "of --mem-usage of a dump" report_is report 'r["mode"] == "mem-usage"'
cat >same_classes <<'END'
import json, sys
dump, whole = (json.load(open(name))["pages"]["classes"] for name in sys.argv[1:])
for name in whole:
    assert whole[name]["absent_pages"] == 0, name
    assert dump[name]["pages"] + dump[name]["absent_pages"] == whole[name]["pages"], name
assert sum(c["absent_pages"] for c in dump.values()) > 0
END
check "of --mem-usage: what a dump lacks, by class" python3 same_classes report whole.report

run -f --json report -l -d 31 --split vmcore a b
check "of a split dump" report_is report 'r["mode"] == "dump"' \
	'r["outputs"] == [{"name": "a", "bytes": '"$(stat -c %s a)"'}, {"name": "b", "bytes": '"$(stat -c %s b)"'}]'
check "of one file" report_is report 'r["input"]["pieces"] == []'
run -f --json report --reassemble b a joined
check "of --reassemble" report_is report 'r["mode"] == "reassemble"' 'r["input"]["name"] == "b"' \
	'r["input"]["pieces"] == ["a"]' 'r["config"]["codec"] == "lzo"' \
	'r["config"]["level"] == 31' 'r["outputs"] == [{"name": "joined", "bytes": '"$(stat -c %s joined)"'}]'

run -f --json report -l -d 31 --split --piece b a c d e
check "of pieces" report_is report 'r["mode"] == "dump"' 'r["input"]["name"] == "a"' 'r["input"]["pieces"] == ["b"]' \
	'[o["name"] for o in r["outputs"]] == ["c", "d", "e"]'
mv precious kept
mv b precious
cp precious b
not_over_the_piece() { status_is 1 && err_has "is another file of this command line" && cmp -s b precious; }
run -f --json precious -l -d 31 --piece precious a other
check "not over a piece" not_over_the_piece

# ---- progress
lines_ok() { python3 -c '
import json, sys
lines = [json.loads(l) for l in sys.stdin.buffer]
lines = [l for l in lines if l["event"] != "message"]
assert lines[-1] == {"event": "end", "exit_status": int(sys.argv[1])}, lines
steps = lines[:-1]
for s in steps:
    assert sorted(s) == ["bytes_in", "bytes_out", "done", "event", "phase", "seconds", "total", "unit"], s
    assert s["event"] == "progress" and s["phase"] in sys.argv[2:], s
assert [s["phase"] for s in steps if s["done"] == s["total"]] == sys.argv[2:], steps
' "$@" <"$tmp/err"; }
run -f --progress=json --message-level 0 -l -d 31 vmcore dump
check "--progress=json: each phase up to its end" lines_ok 0 plan copy
run -f --progress=json -E -d 31 vmcore dump
check "--progress=json with -E: zero pages are looked for" lines_ok 0 plan zero copy
run -f --progress=json -d 31 missing dump
check "--progress=json of a run that fails" lines_ok 1
# every line is an event, whatever is said
says() { # CLASS TEXT: a message; all lines are what they may be
	python3 -c '
import json, sys
found = False
for line in sys.stdin.buffer:
    event = json.loads(line.decode("utf-8"))
    if event["event"] == "message":
        assert sorted(event) == ["class", "event", "text"] and event["text"], event
        found |= event["class"] == sys.argv[1] and sys.argv[2] in event["text"]
    else:
        assert event["event"] in ("progress", "end"), event
assert found, sys.argv
' "$@" <"$tmp/err"
}
run -f --progress=json -d 31 missing dump
check "an error is an event" says error "missing: No such file or directory"
odd=$(printf 'a"b\\c\t\303\244\377')
run -f --progress=json -d 31 "$odd" dump
check "quotes, backslashes, controls and bytes that are no UTF-8" says error 'a"b\c?ä�'
run -f --progress=json -d 99 vmcore dump
check "a wrong command line" says error "-d '99': expected a number"
run --progress=json vmcore dump third
check "too many names" says error "too many names"
run -f --progress=json --message-level 8 -d 31 missing dump
check "an error at a level without errors" says error "missing: No such file or directory"
cut -c 1-3 "$0" >damaged
run -f --progress=json -d 31 damaged dump
check "what is no dump" says error damaged
head -c 1000000 vmcore >short
run -f --progress=json -d 31 short dump
check "a warning" says error "short"
"$MAKEDUMPFILE" --progress=json --message-level 31 -F -d 31 vmcore >flat.json 2>"$tmp/err" </dev/null
status=$?
check "a stream with all messages: common" says common "saved to STDOUT"
check "a stream with all messages: debug" says debug "input: ELF64"
check "a stream with all messages: the report" says report "Original pages"
run -f --progress=json --message-level 31 --json - -d 31 vmcore dump
check "the report on standard output: messages" says common "saved to dump"
run -f --progress=json -L 40K -d 31 vmcore dump
check "a limit that is too small" says error "a size limit of 40960 bytes"
run -f --progress none -d 31 vmcore dump
check "--progress none: nothing is shown" err_is_empty
run --check-params --progress xml vmcore dump
check "another kind" err_has "--progress 'xml': expected text, json or none"
test_end
