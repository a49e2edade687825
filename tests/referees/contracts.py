#!/usr/bin/env python3
"""Contracts between the machines, the templates and the functions, read from the shipped files.

Every Task has TimeoutSeconds, Retry and Catch with States.ALL last; Retry has full jitter and a longest delay; error names are
the fault enumeration's; expressions use the subset; loops are bounded; each function has a role and a policy of its own, a caller, a
word about its undo, and never sleeps; what is allowed on everything says why.
"""
import json
import pathlib
import re
import sys

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLASSES = set(re.findall(r"^    ([A-Z][A-Za-z]+),$", (ROOT / "functions/domain/src/fault.rs").read_text().split("pub enum Class")[1].split("\n}")[0], re.M))
LAMBDA = {"Lambda.ClientExecutionTimeoutException", "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
          "Lambda.TooManyRequestsException", "Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError"}
BANNED = re.compile(r"\$(eval|now|millis|random|uuid|hash|partition|range)\b|\?\?|\?:|\?")
ENDS = {"Succeed", "Fail"}


def expressions(value):
    if isinstance(value, dict):
        for inner in value.values():
            yield from expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner)
    elif isinstance(value, str) and value.startswith("{%"):
        yield value


def next_of(state):
    names = [state.get("Next"), state.get("Default")] + [c["Next"] for c in state.get("Choices", [])] + [c["Next"] for c in state.get("Catch", [])]
    return [n for n in names if n]


def assigned(states):
    """Names that any state of one scope assigns."""
    rules = [rule for s in states.values() for rule in [s] + s.get("Choices", []) + s.get("Catch", [])]
    return {n for rule in rules for n in rule.get("Assign", {})}


def lint(name, states, faults):
    for path, state in states.items():
        where, kind = f"{name}.{path}", state["Type"]
        if kind in ("Task", "Map"):
            catch = state.get("Catch", [])
            if not catch or catch[-1]["ErrorEquals"] != ["States.ALL"]:
                faults.append(f"{where}: the last Catch is not States.ALL")
        if kind == "Task":
            if "TimeoutSeconds" not in state:
                faults.append(f"{where}: no TimeoutSeconds")
            named = {e for r in state.get("Retry", []) for e in r["ErrorEquals"]}
            if state["Resource"].endswith("lambda:invoke"):
                for missing in sorted((LAMBDA | {"Fault.Throttled", "Fault.Transient", "Fault.Busy"}) - named):
                    faults.append(f"{where}: no Retry for {missing}")
            for retry in state.get("Retry", []):
                if retry.get("JitterStrategy") != "FULL" or "MaxDelaySeconds" not in retry:
                    faults.append(f"{where}: a Retry without full jitter or longest delay")
        for error in re.findall(r"Fault\.(\w+)", json.dumps(state)):
            if error not in CLASSES:
                faults.append(f"{where}: Fault.{error} is not in the enumeration")
        for expression in expressions(state):
            if BANNED.search(expression):
                faults.append(f"{where}: {expression} is outside the subset")
        for target in next_of(state):
            if target not in states:
                faults.append(f"{where}: there is no state {target}")
        if kind == "Task" and ":states:startExecution" in state["Resource"] and state["Arguments"]["StateMachineArn"] == "${RemoveResources}":
            if any(r["MaxAttempts"] < 10 for r in state["Retry"]) and path != "RemoveLeftovers":
                faults.append(f"{where}: an undo does not retry longer")
        if "ItemProcessor" in state:
            inner, outer = assigned(state["ItemProcessor"]["States"]), assigned(states)
            for name_twice in sorted(inner & outer):
                faults.append(f"{where}: ${name_twice} is assigned inside and outside")
            lint(f"{where}", state["ItemProcessor"]["States"], faults)
    # A circle must pass a Choice that counts: otherwise it never ends.
    for start in states:
        seen, queue = set(), [start]
        while queue:
            at = queue.pop()
            for target in next_of(states[at]):
                if target == start:
                    circle = seen | {start}
                    counted = any(re.search(r"\$(tries|turn) <", json.dumps(states[s])) for s in circle if states[s]["Type"] == "Choice")
                    if not counted:
                        faults.append(f"{name}.{start}: a loop without a bound")
                if target in states and target not in seen:
                    seen.add(target)
                    queue.append(target)


def called(*templates):
    """Functions that a rule starts, or that a person finds among a stack's outputs."""
    text = "\n".join(templates)
    names = re.findall(r"Id: \w+, Arn: !GetAtt (\w+)\.Arn", text) + re.findall(r"Function: \{Value: !Ref (\w+)\}", text)
    return {re.sub(r"(?<!^)([A-Z])", r"-\1", n).lower() for n in names}


def check():
    faults = []
    hub, member = (ROOT / "infra/aws/hub.yaml").read_text(), (ROOT / "infra/aws/member.yaml").read_text()
    handlers = set(re.findall(r'^    "([a-z-]+)" =>', (ROOT / "functions/handlers/src/lib.rs").read_text(), re.M))
    asked, invoked = set(), set()
    for file in sorted((ROOT / "statemachines").glob("*.asl.json")):
        text = file.read_text()
        machine = json.loads(text)
        name = file.name.removesuffix(".asl.json")
        if machine.get("QueryLanguage") != "JSONata" or "TimeoutSeconds" not in machine:
            faults.append(f"{name}: no JSONata or no time-out of the whole")
        lint(name, machine["States"], faults)
        asked |= set(re.findall(r'"function": "([a-z-]+)"', text))
        for substitution in set(re.findall(r"\$\{(\w+)\}", text)):
            resource = hub.split(f"StateMachineName: !Sub '${{Prefix}}-{name}'")[1].split("\n  ")[0:40]
            if not any(re.match(rf"\s+{substitution}: ", line) for line in "\n  ".join(resource).splitlines()):
                faults.append(f"{name}: nothing is substituted for {substitution}")
            invoked.add(re.sub(r"(?<!^)([A-Z])", r"-\1", substitution).lower())
    for function in sorted(handlers):
        place = hub if f"Handler: {function}\n" in hub else member
        if f"Handler: {function}\n" not in place:
            faults.append(f"{function}: no resource in a template")
        if function not in asked | invoked | called(hub, member):
            faults.append(f"{function}: nobody calls it")
    for function in sorted(set(re.findall(r"Handler: ([a-z-]+)\n", hub + member)) - handlers):
        faults.append(f"{function}: a template names it and no code has it")
    for file in ROOT.glob("infra/aws/*.yaml"):
        for n, line in enumerate(file.read_text().splitlines(), 1):
            # Service principals of these have the same name in every partition: IAM in China refuses the .cn form.
            plain = re.sub(r"(Service|Principal): (lambda|states|events)\.amazonaws\.com\b", "", line).replace("com.amazonaws.", "")
            if "arn:aws:" in line or "amazonaws.com" in plain:
                faults.append(f"{file.name}:{n}: a literal partition")
    return faults, len(handlers)


def promise(name, path, source):
    """The doc comment of a function that changes something speaks of its undo."""
    *folders, function = path.split("::")
    text = source.get("/".join(folders), "")
    doc = re.search(rf"((?:^///.*\n)+)pub async fn {function}\(", text, re.M)
    return bool(doc and re.search(r"\bundo\b|not there|gone|is success", doc.group(1), re.I))


def functions(hub, member, faults):
    """What a function promises by its name, and that its role is its own."""
    lib = (ROOT / "functions/handlers/src/lib.rs").read_text()
    source = {}
    for file in (ROOT / "functions/handlers/src").rglob("*.rs"):
        source[str(file.relative_to(ROOT / "functions/handlers/src").with_suffix("")).removesuffix("/mod")] = file.read_text()
    for folder in ("functions/handlers/src", "functions/aws/src"):
        for file in (ROOT / folder).rglob("*.rs"):
            if re.search(r"\bsleep\(", file.read_text()):
                faults.append(f"{file.name}: a function sleeps; waiting is a machine's work")
    for name, path in re.findall(r'^    "([a-z-]+)" => ([\w:]+)', lib, re.M):
        if name.startswith(("ensure-", "acquire-", "send-command")) and not promise(name, path, source):
            faults.append(f"{name}: its doc says nothing of its undo")
    for template, text in (("hub", hub), ("member", member)):
        for handler, role in re.findall(r"Handler: ([a-z-]+)\n(?:.*\n)*?\s+Role: !GetAtt (\w+)\.Arn", text):
            if len(re.findall(rf"Role: !GetAtt {role}\.Arn", text)) != 1:
                faults.append(f"{template}: {handler} shares {role}")
            # plan-network only decides: it may log, and nothing else.
            if f"PolicyName: {handler}\n" not in text and handler != "plan-network":
                faults.append(f"{template}: {handler} has no policy of its name")
        for n, line in enumerate(text.splitlines(), 1):
            if re.search(r"Resource: (\['\*'\]|'\*')", line) and "#" not in line and "Effect: Deny" not in line and "KeyPolicy" not in line:  # in a key's policy it is the key
                faults.append(f"{template}.yaml:{n}: on everything, and no reason beside it")


def events(faults):
    """Good events match their schema. A bad one (its name says so) may break only a rule that a schema cannot say."""
    validator = jsonschema.Draft202012Validator(json.loads((ROOT / "events/schema/launch-request.schema.json").read_text()))
    found = sorted((ROOT / "events/console").glob("launch-*.json"))
    for file in found:
        errors = [e.message for e in validator.iter_errors(json.loads(file.read_text()))]
        if errors and "-bad-" not in file.name:
            faults.append(f"{file.name}: {errors[0]}")
    if not any(list(validator.iter_errors(json.loads(f.read_text()))) for f in found if "-bad-" in f.name):
        faults.append("events: the schema refuses no bad event")
    # The schema and the code speak of the same fields.
    code = (ROOT / "functions/domain/src/request.rs").read_text().split("pub struct Request {")[1].split("\n}")[0]
    if set(re.findall(r"pub (\w+):", code)) != set(validator.schema["properties"]):
        faults.append("events: the schema's fields are not those of domain::request::Request")


def main():
    # The lint itself must catch: a Task without time-out, a loop without bound, an unknown error, a banned function.
    bad = {"A": {"Type": "Task", "Resource": "x:lambda:invoke", "Catch": [{"ErrorEquals": ["Fault.Gone"], "Next": "A"}], "Assign": {"n": "{% $now() %}"}, "Next": "A"}}
    caught = []
    lint("defective", bad, caught)
    for words in ("no TimeoutSeconds", "without a bound", "Fault.Gone", "outside the subset", "not States.ALL", "no Retry for"):
        if not any(words in c for c in caught):
            print(f"the lint does not catch: {words}")
            return 1
    if promise("ensure-x", "a::ensure", {"a": "/// Makes it so.\npub async fn ensure("}):
        print("the lint does not catch: a function without a word about its undo")
        return 1
    faults, count = check()
    functions((ROOT / "infra/aws/hub.yaml").read_text(), (ROOT / "infra/aws/member.yaml").read_text(), faults)
    events(faults)
    print("\n".join(faults))
    print(f"{count} functions and their machines, {len(faults)} failed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
