"""The function `check-command` in Python with boto3, for the cold start row of `proof bench`: what it does is what
functions/handlers/src/chain/command.rs does. The loop of Lambda's runtime is as small as it can be."""

import http.client
import json
import os
import re

import boto3
from botocore.config import Config

NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
UNDER_WAY = ("Pending", "InProgress", "Delayed", "Cancelling")
ssm = boto3.client(
    "ssm",
    region_name=os.environ["AWS_REGION"],
    config=Config(retries={"mode": "standard", "total_max_attempts": 3}, read_timeout=10),
)


class Fault(Exception):
    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def accept(event):
    known = {"relation", "network", "execution", "epoch", "params"}
    if set(event) - known or not known - {"params"} <= set(event):
        raise Fault("Fault.InvalidInput", "not an order")
    if event["relation"] != os.environ["RELATION"]:
        raise Fault("Fault.Denied", f"relation `{event['relation']}` is not this member's")
    for field, longest in (("network", 32), ("execution", 80)):
        if not NAME.match(event[field]) or len(event[field]) > longest:
            raise Fault("Fault.InvalidInput", f"{field}: not a name")
    return event["params"]


def failed(kind, node, message):
    return {"status": "Failed", "fault": {"class": f"Fault.{kind}", "message": f"{node}: {message}"}}


def silent(node, status):
    message = f"the command ended as {status}: the node did not answer"
    return {"node": node, "fault": {"class": "Transient", "message": message, "left": "Nothing"}}


def last_json(output):
    for line in reversed(output.splitlines()):
        try:
            answer = json.loads(line.strip())
        except ValueError:
            continue
        if isinstance(answer, dict) and "node" in answer:
            return answer
    return None


def check(event):
    params = accept(event)
    nodes, tolerate, last, member = params["nodes"], params["tolerate"], params["last"], os.environ["MEMBER"]
    own = {n["instance"] for n in nodes if n["member"] == member}
    names = {n["instance"]: n["name"] for n in nodes}
    pending = [i for i in params["instances"] if i in own]
    answers = []
    pages = ssm.get_paginator("list_command_invocations")
    for command in (c for c in params["commands"] if c["member"] == member):
        for page in pages.paginate(CommandId=command["id"], Details=True, PaginationConfig={"PageSize": 50}):
            for found in page["CommandInvocations"]:
                instance, status = found["InstanceId"], found["Status"]
                name = names.get(instance, instance)
                plugins = found.get("CommandPlugins") or [{}]
                output = plugins[0].get("Output", "")
                if status in UNDER_WAY:
                    if not (tolerate and last):
                        continue
                    answers.append(silent(name, status))
                elif status in ("Success", "Failed"):
                    answer = last_json(output)
                    if answer is not None:
                        words = {k: answer[k] for k in ("result", "fault") if answer.get(k) is not None}
                        answers.append({"node": name, **words})
                    elif tolerate:
                        answers.append(silent(name, status))
                    else:
                        return failed("Internal", name, f"{status}: {output}")
                elif tolerate:
                    answers.append(silent(name, status))
                else:
                    return failed("Transient", name, f"the command ended as {status}: the node did not answer")
                pending = [i for i in pending if i != instance]
    bad = next((a for a in answers if a.get("fault") and not tolerate), None)
    if bad:
        return failed(bad["fault"]["class"], bad["node"], bad["fault"]["message"])
    if pending:
        return {"status": "Pending", "waiting_for": pending}
    answers.sort(key=lambda a: (bool(a.get("fault")), int("".join(filter(str.isdigit, a["node"])) or 0)))
    return {"status": "Ready", "answers": answers}


def main():
    runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    base = "/2018-06-01/runtime/invocation"
    while True:
        runtime.request("GET", f"{base}/next")
        given = runtime.getresponse()
        event, request = json.loads(given.read()), given.headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            path, body = "response", check(event)
        except Fault as fault:
            path, body = "error", {"errorType": fault.kind, "errorMessage": str(fault)}
        except Exception as failure:  # what the SDK throws ends the invocation, not the process
            path, body = "error", {"errorType": type(failure).__name__, "errorMessage": str(failure)}
        runtime.request("POST", f"{base}/{request}/{path}", json.dumps(body), {"Content-Type": "application/json"})
        runtime.getresponse().read()


main()
