#!/usr/bin/env python3
"""Plays with the served local cloud as any AWS client would: boto3, every operation that our handlers use.

It starts `consortium cloud serve` in a folder of its own, plays (boto3_plays.py), ends it with SIGTERM and starts it again. Every operation
that the recorded messages or the handlers' SDK calls name must have been played with success. `--defects` plants one defect of each kind
between boto3 and the cloud and fails unless the check that should notice it does.

usage: boto3_client.py MESSAGES.jsonl [--defects]
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

sys.dont_write_bytecode = True
import boto3_plays
from boto3_plays import BANK, CALLER, EAST, FOUNDER, TAKEN, WEST

PROGRAM = "target/debug/consortium"
# The first machines' reply is lost and the first look at subnets is throttled: boto3 must get over both.
FAULTS = ["--fault", "RunInstances#1=lost", "--fault", "DescribeSubnets#1=RequestLimitExceeded"]
# Real seconds that anything may take; virtual time goes a hundred times as fast.
PATIENCE = 60


class Server:
    """One run of the served cloud."""

    def __init__(self, home, more):
        self.process = subprocess.Popen([PROGRAM, "--home", home, "cloud", "serve", "--port", "0", *more], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)
        if not found:
            self.process.kill()
            raise SystemExit(f"the cloud said {line!r}")
        self.url = found[1]

    def end(self, how=signal.SIGTERM):
        """Ends it; gives its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Judge:
    """Counts checks, and makes clients whose every answer is seen."""

    def __init__(self, defects):
        self.checks, self.failures, self.played, self.defects, self.url, self.world = 0, [], set(), defects, "", {}

    def true(self, what, holds, seen=""):
        self.checks += 1
        if not holds:
            self.failures.append(f"{what}: {seen}" if seen != "" else what)

    def equal(self, what, got, wanted):
        self.true(what, got == wanted, f"{got!r}, not {wanted!r}")

    def refused(self, what, code, status, call, **parameters):
        """The call must fail with this code and HTTP status."""
        try:
            answer = call(**parameters)
            self.true(what, False, f"was not refused: {answer}")
        except ClientError as error:
            got = (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
            self.equal(what, got, (code, status))

    def until(self, what, look):
        """Looks until it gives something true; gives that."""
        began = time.monotonic()
        while True:
            found = look()
            if found or time.monotonic() - began > PATIENCE:
                self.true(what, bool(found), f"not after {PATIENCE} s")
                return found
            time.sleep(0.1)

    def waits(self, client, waiter, **parameters):
        """One of boto3's own waiters, asking more often than it would."""
        # A planted defect makes some waiting vain.
        seconds = 10 if self.defects else PATIENCE
        try:
            client.get_waiter(waiter).wait(**parameters, WaiterConfig={"Delay": 0.2, "MaxAttempts": 5 * seconds})
            self.true(f"waiter {waiter}", True)
        except Exception as error:
            self.true(f"waiter {waiter}", False, error)

    def pages(self, what, client, operation, items, size, wanted, key, **parameters):
        """All items in pages of a size: more than one page, nothing twice, nothing missing."""
        pages = list(client.get_paginator(operation).paginate(**parameters, PaginationConfig={"PageSize": size}))
        found = [item for page in pages for item in items(page)]
        self.true(f"{what} comes in pages", len(pages) > 1 and all(len(items(p)) <= size for p in pages), f"{[len(items(p)) for p in pages]}")
        self.equal(f"{what}: nothing twice, nothing missing", sorted(map(key, found)), sorted(wanted))

    def client(self, service, region=EAST, key=FOUNDER, token=None, attempts=4):
        config = Config(retries={"mode": "standard", "max_attempts": attempts}, connect_timeout=5, read_timeout=20)
        session = boto3.session.Session(key, "any", token, region)
        client = session.client(service, endpoint_url=self.url, config=config)
        client.meta.events.register("after-call", self.answered)
        client.meta.events.register("before-send", self.sending)
        client.meta.events.register("before-parse", self.parsing)
        return client

    def answered(self, http_response, model, **_):
        operation = (model.service_model.signing_name, model.name)
        if http_response.status_code < 300 and not any(d.forgets == operation for d in self.defects):
            self.played.add(operation)

    def sending(self, request, event_name, **_):
        for defect in self.defects:
            if defect.sends and event_name.endswith(f".{defect.operation}"):
                defect.sends(request)

    def parsing(self, operation_model, response_dict, **_):
        for defect in self.defects:
            if defect.receives and operation_model.name == defect.operation:
                defect.receives(response_dict)


class Defect:
    """What is wrong, where, and the words of the check that must fail for it."""

    def __init__(self, operation, words, sends=None, receives=None, forgets=None):
        self.operation, self.words, self.sends, self.receives, self.forgets = operation, words, sends, receives, forgets


def body(old, new):
    def change(response):
        # What is streamed is no bytes yet.
        if isinstance(response["body"], bytes):
            response["body"] = re.sub(old, new, response["body"])
    return change


def status(old, new):
    def change(response):
        if response["status_code"] == old:
            response["status_code"] = new
    return change


def header_lost(name):
    def change(message):
        headers = message.headers if hasattr(message, "headers") else message["headers"]
        if name in headers:
            del headers[name]
    return change


def token_changed(request):
    form = request.body.encode() if isinstance(request.body, str) else request.body
    request.body = re.sub(rb"ClientToken=[^&]+", b"ClientToken=" + uuid.uuid4().hex.encode(), form)
    request.headers["Content-Length"] = str(len(request.body))


DEFECTS = [
    Defect("RunInstances", "the same token gives the same machines", sends=token_changed),
    Defect("RunInstances", "a lost reply makes no second machines", sends=token_changed),
    Defect("PutObject", "If-None-Match refuses what is there", sends=header_lost("If-None-Match")),
    Defect("DeleteVolume", "a volume in use is not deleted", receives=status(400, 409)),
    Defect("GetObject", "an absent object", receives=body(rb"<Code>NoSuchKey", b"<Code>NoKey")),
    Defect("ListCommands", "commands comes in pages", receives=body(rb'"NextToken":"\d+"', b'"Ignored":""')),
    Defect("ListObjectsV2", "objects: nothing twice, nothing missing", receives=body(rb"<IsTruncated>true", b"<IsTruncated>false")),
    Defect("DescribeVolumes", "waiter volume_available", receives=body(rb"<status>available", b"<status>in-use")),
    Defect("SendCommand", "a document that does not exist", receives=body(rb"InvalidDocument", b"InvalidPaper")),
    Defect("GetCallerIdentity", "a root's own ARN", receives=body(rb":root<", b":user/root<")),
    Defect("Invoke", "a function's own fault", receives=header_lost("x-amz-function-error")),
    Defect("Publish", "every operation of the handlers was played", forgets=("sns", "Publish")),
    Defect("(none)", "the cloud ends with exit code 0"),
]


def consortium(home, *words):
    done = subprocess.run([PROGRAM, "--home", home, *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"consortium {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def join_bank(home):
    """Begins a world with a second company in another region."""
    link = json.loads(consortium(home, "invite", "bank", "--account", BANK, "--region", WEST, "--json"))["link"]
    consortium(home, "join", link, "--account", BANK)


def prepare(home):
    """A world with a second company, and two roles of the judge's own: one that may take the other."""
    join_bank(home)
    path = os.path.join(home, "world.json")
    with open(path, encoding="utf-8") as f:
        world = json.load(f)
    allow = lambda action, resource: {"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": CALLER}, "Action": "sts:AssumeRole",
                            "Condition": {"StringEquals": {"sts:ExternalId": "of-the-judge"}}}]}
    for arn, trusts, policy in [(CALLER, {}, allow("sts:AssumeRole", TAKEN)), (TAKEN, trust, allow("ec2:DescribeVolumes", "*"))]:
        world["roles"][arn] = {"arn": arn, "trust": trusts, "policies": [policy], "boundary": None}
    with open(path, "w", encoding="utf-8") as f:
        json.dump(world, f)
    return world


def needed(messages):
    """Operations that the recorded messages and the source of the SDK calls name."""
    with open(messages, encoding="utf-8") as f:
        operations = {(m["service"], m["action"]) for m in map(json.loads, f)}
    for folder, _, files in os.walk("functions/aws/src"):
        for name in files:
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                operations |= set(re.findall(r'fault\("([a-z0-9]+)", "([A-Za-z0-9]+)"', f.read()))
    return operations


def play(judge, plays):
    for one in plays:
        try:
            one(judge)
        except Exception as error:
            judge.true(f"{one.__name__} goes to its end", False, f"{type(error).__name__}: {error}")


def judged(messages, defects):
    judge = Judge(defects)
    home = tempfile.mkdtemp(prefix="boto3-judge-")
    server = None
    try:
        judge.world = prepare(home)
        server = Server(home, FAULTS)
        judge.url = server.url
        play(judge, boto3_plays.PLAYS)
        code = server.end(signal.SIGKILL if defects else signal.SIGTERM)
        judge.equal("the cloud ends with exit code 0", code, 0)
        server = Server(home, [])
        judge.url = server.url
        play(judge, [boto3_plays.found_again])
        judge.equal("it ends on SIGINT too", server.end(signal.SIGINT), 0)
        wanted = needed(messages)
        judge.true("the handlers use operations", len(wanted) > 30, wanted)
        judge.equal("every operation of the handlers was played", sorted(wanted - judge.played), [])
    finally:
        if server:
            server.end(signal.SIGKILL)
        shutil.rmtree(home, ignore_errors=True)
    return judge


def main():
    if "--defects" in sys.argv:
        judge = judged(sys.argv[1], DEFECTS)
        missed = [d for d in DEFECTS if not any(f.startswith(d.words) for f in judge.failures)]
        for defect in DEFECTS:
            print(f"  {'NOT CAUGHT' if defect in missed else 'caught'}: {defect.operation}: {defect.words}")
        if missed:
            print("\n".join(judge.failures))
        print(f"{len(DEFECTS)} checks, {len(missed)} failed")
        return 1 if missed else 0
    judge = judged(sys.argv[1], [])
    for failure in judge.failures:
        print(failure)
    print(f"{len(judge.played)} operations played")
    print(f"{judge.checks} checks, {len(judge.failures)} failed")
    return 1 if judge.failures else 0


if __name__ == "__main__":
    sys.exit(main())
