#!/usr/bin/env python3
"""Lets an interpreter that others wrote run the shipped state machines: MiniStack's Step Functions.

Every machine is made in MiniStack as the local cloud deployed it; its functions there pass each event on to the served local cloud, whose functions
answer. A launch, a restart, a removal, a launch that fails and is undone and a launch of two companies must end as they do in our own interpreter: the same status, error and
output, the same states entered in every execution. `--defects` changes a machine in MiniStack alone and fails unless that is noticed.

MiniStack 1.5.33 ignores the Output of a Succeed state in JSONata, so it is given each such state as a Pass with that Output before an empty Succeed.

usage: ministack_machines.py MINISTACK [--defects]
"""
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile

import boto3
from botocore.config import Config

sys.dont_write_bytecode = True
from boto3_client import Server, join_bank
from boto3_plays import BANK, EAST, FOUNDER, WEST

# Wait states take a hundredth of their time, as virtual time in the served cloud does.
SCALE = "0.01"
PATIENCE = 240
ROLE = f"arn:aws:iam::{FOUNDER}:role/of-the-judge"
# A function of MiniStack: what the local cloud's function of the same name answers, or the fault that it ends with.
PASS_ON = """
import json, os, urllib.request
def handler(event, context):
    scope = "AWS4-HMAC-SHA256 Credential=%s/20261122/%s/lambda/aws4_request, SignedHeaders=host, Signature=none"
    url = os.environ["CLOUD"] + "/2015-03-31/functions/" + os.environ["FUNCTION"] + "/invocations"
    request = urllib.request.Request(url, data=json.dumps(event).encode(), method="POST", headers={"Authorization": scope})
    with urllib.request.urlopen(request, timeout=100) as answer:
        body, failed = json.loads(answer.read()), answer.headers.get("x-amz-function-error")
    if failed:
        raise type(body["errorType"], (Exception,), {})(body["errorMessage"])
    return body
""" % (FOUNDER, EAST)
REQUEST = {"network": "judged", "chain_id": "judged", "size": "test", "validators": 4}
LAUNCH = ("launch-network", "judged-launch-1", {"request": REQUEST})
TWO = REQUEST | {"validators": 6, "members": [{"name": "founder", "account": FOUNDER, "region": EAST, "validators": 4},
                                             {"name": "bank", "account": BANK, "region": WEST, "validators": 2}]}
# What is planted in the world, whether a second company is in it, and what is run one after another.
STORIES = [
    ([], False, [LAUNCH, ("operate-nodes", "judged-operate-1", {"network": "judged", "verb": "restart", "targets": ["node1"]}),
          ("remove-network", "judged-remove-1", {"network": "judged", "keep_data": False})]),
    (["node1:pull=fail"], False, [LAUNCH]),
    ([], True, [("launch-network", "judged-launch-1", {"request": TWO})]),
]


def client(service, url):
    config = Config(read_timeout=60, retries={"total_max_attempts": 3})
    return boto3.client(service, EAST, endpoint_url=url, aws_access_key_id=FOUNDER, aws_secret_access_key="any", config=config)


def in_two(states):
    """A Succeed with an Output as a Pass with it and a Succeed without."""
    for name, state in list(states.items()):
        if state["Type"] == "Succeed" and "Output" in state:
            states[name] = {"Type": "Pass", "Output": state["Output"], "Next": f"{name} (end)"}
            states[f"{name} (end)"] = {"Type": "Succeed"}
        if "ItemProcessor" in state:
            in_two(state["ItemProcessor"]["States"])


class MiniStack:
    def __init__(self, program, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        # It listens on every interface unless it is told not to, and writes below /tmp.
        env = {"PATH": os.environ["PATH"], "HOME": folder, "TMPDIR": folder, "STATE_DIR": folder, "S3_DATA_DIR": folder, "BIND_HOST": "127.0.0.1",
               "MINISTACK_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port), "SFN_WAIT_SCALE": SCALE,
               "LAMBDA_EXECUTOR": "local", "AWS_ACCESS_KEY_ID": FOUNDER, "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": EAST}
        self.log = open(os.path.join(folder, "ministack.log"), "w", encoding="utf-8")
        self.process = subprocess.Popen([program], env=env, cwd=folder, stdout=self.log, stderr=self.log)
        self.url = f"http://127.0.0.1:{self.port}"
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        self.end()
        with open(self.log.name, encoding="utf-8") as log:
            raise SystemExit(f"MiniStack does not answer: {log.read()[-2000:]}")

    def make(self, machines, cloud, defect):
        names = sorted(set(re.findall(rf"arn:aws:lambda:{EAST}:{FOUNDER}:function:([A-Za-z0-9-]+)", json.dumps(machines))))
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("pass_on.py", PASS_ON)
        functions, states = client("lambda", self.url), client("stepfunctions", self.url)
        for name in names:
            functions.create_function(FunctionName=name, Runtime="python3.12", Role=ROLE, Handler="pass_on.handler", Code={"ZipFile": code.getvalue()}, Timeout=120,
                                      Environment={"Variables": {"CLOUD": cloud, "FUNCTION": name}})
        for arn, machine in machines.items():
            definition = machine["definition"]
            if defect and arn.endswith(defect.machine):
                defect.change(definition["States"])
            in_two(definition["States"])
            made = states.create_state_machine(name=arn.split(":")[-1], definition=json.dumps(definition), roleArn=ROLE)
            if made["stateMachineArn"] != arn:
                raise SystemExit(f"{arn} became {made['stateMachineArn']}")

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def entered(self, machines):
        """States entered by every execution, and how it ended."""
        states, found = client("stepfunctions", self.url), {}
        for machine in machines:
            for execution in states.list_executions(stateMachineArn=machine)["executions"]:
                pages = states.get_execution_history(executionArn=execution["executionArn"], maxResults=1000)["events"]
                names = {e["stateEnteredEventDetails"]["name"] for e in pages if "stateEnteredEventDetails" in e}
                found[execution["name"]] = (execution["status"], sorted(n for n in names if not n.endswith("(end)")))
        return found


def outcome(seen):
    """Output of a success, error and cause of anything else; ids differ, since each world draws its own as things come."""
    succeeded = seen["status"] == "SUCCEEDED"
    found = [json.dumps(json.loads(seen["output"]), sort_keys=True)] if succeeded else [seen.get("error"), seen.get("cause")]
    return [re.sub(r"\b(i|vol)-0[0-9a-f]{16}", r"\1", str(text)) for text in found]


def run(url, machines, story):
    """Runs executions one after another; gives how each ended."""
    states, ends = client("stepfunctions", url), []
    for machine, name, given in story:
        arn = next(a for a in machines if a.endswith(f"-{machine}"))
        execution = states.start_execution(stateMachineArn=arn, name=name, input=json.dumps(given))["executionArn"]
        began = time.monotonic()
        while (seen := states.describe_execution(executionArn=execution))["status"] == "RUNNING" and time.monotonic() - began < PATIENCE:
            time.sleep(0.2)
        ends.append((name, seen["status"], *outcome(seen)))
    return ends


def world_of(home):
    with open(os.path.join(home, "world.json"), encoding="utf-8") as f:
        return json.load(f)


def left(world):
    return sorted(i for i, machine in world["instances"].items() if machine["ending_ms"] == 0) + sorted(world["volumes"])


def played(faults, companies, story, ministack=None, defect=None):
    """One story in a fresh world; gives ends, executions with their states, and what is left in the world."""
    home = tempfile.mkdtemp(prefix="ministack-judge-")
    server = other = None
    try:
        if companies:
            join_bank(home)
        server = Server(home, [word for fault in faults for word in ("--fault", fault)])
        machines = world_of(home)["machines"]
        if ministack:
            other = MiniStack(ministack, home)
            other.make(json.loads(json.dumps(machines)), server.url, defect)
            ends = run(other.url, machines, story)
            entered = other.entered(machines)
        else:
            ends = run(server.url, machines, story)
        server.end()
        world = world_of(home)
        if not ministack:
            own = [e for e in world["executions"].values() if e["name"].startswith("judged-")]
            entered = {e["name"]: (e["status"], sorted({name for _, name in e["states"]})) for e in own}
        return ends, entered, left(world)
    finally:
        if other:
            other.end()
        if server:
            server.end(signal.SIGKILL)
        shutil.rmtree(home, ignore_errors=True)


def compared(ours, theirs):
    """What differs between two plays of a story."""
    differences = [f"{theirs_[0]} ended {theirs_[1:]}, in our interpreter {ours_[1:]}" for ours_, theirs_ in zip(ours[0], theirs[0]) if ours_ != theirs_]
    for name in sorted(ours[1].keys() | theirs[1].keys()):
        one, two = ours[1].get(name, ("absent", [])), theirs[1].get(name, ("absent", []))
        if one[0] != two[0]:
            differences.append(f"{name} is {two[0]}, in our interpreter {one[0]}")
        # Whether somebody must wait once more is a matter of time.
        ones, twos = ({n for n in names if not n.startswith("Wait")} for names in (one[1], two[1]))
        missing, more = sorted(ones - twos), sorted(twos - ones)
        if missing or more:
            differences.append(f"{name} did not enter {missing} and entered {more}")
    if len(ours[2]) != len(theirs[2]):
        differences.append(f"left are {len(theirs[2])} machines and volumes, with our interpreter {len(ours[2])}")
    return differences


class Defect:
    """A change of one machine, the story that it is in, and the words of the difference that must be found."""

    def __init__(self, name, machine, story, words, change):
        self.name, self.machine, self.story, self.words, self.change = name, machine, story, words, change


DEFECTS = [
    Defect("a child that says nothing", "run-node-command", 0, "judged-launch-1 ended", lambda states: states["CommandDone"].pop("Output")),
    Defect("another error name", "launch-network", 1, "judged-launch-1 ended", lambda states: states["LaunchFailed"].update(Error="Fault.Other")),
    Defect("an undo that is left out", "launch-network", 1, "left are", lambda states: states.update(UndoResources={"Type": "Pass", "Next": "LaunchFailed"})),
]


def main():
    ministack = sys.argv[1]
    if "--defects" in sys.argv:
        missed, ours = 0, {}
        for defect in DEFECTS:
            faults, companies, executions = STORIES[defect.story]
            story = (faults, companies, executions[:1])
            if defect.story not in ours:
                ours[defect.story] = played(*story)
            found = compared(ours[defect.story], played(*story, ministack, defect))
            caught = any(f.startswith(defect.words) for f in found)
            missed += not caught
            print(f"  {'caught' if caught else 'NOT CAUGHT'}: {defect.name}" + ("" if caught else f": {found}"))
        print(f"{len(DEFECTS)} checks, {missed} failed")
        return 1 if missed else 0
    failed = checks = 0
    for story in STORIES:
        ours, theirs = played(*story), played(*story, ministack)
        found = compared(ours, theirs)
        print("\n".join(found), end="\n" if found else "")
        states = sum(len(names) for _, names in theirs[1].values())
        print(f"{', '.join(f'{e[0]} {e[1]}' for e in theirs[0])}: {len(theirs[1])} executions, {states} states")
        checks += len(ours[0]) + len(ours[1]) + 1
        failed += len(found)
    print(f"{checks} checks, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
