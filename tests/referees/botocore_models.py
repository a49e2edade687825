#!/usr/bin/env python3
"""Holds recorded AWS messages against botocore's models, strictly.

An unknown member, a wrong type, a value outside an enumeration, a missing required member, and a missing member that our
handlers read are faults. `--defects` puts one defect of each kind into the messages and fails unless each is caught.

usage: botocore_models.py MESSAGES.jsonl [--defects]
"""
import copy
import json
import re
import sys
import urllib.parse
import xml.etree.ElementTree as ET

import botocore.session

SESSION = botocore.session.get_session()
NAMES = {"ec2": "ec2", "ssm": "ssm", "states": "stepfunctions", "sns": "sns", "lambda": "lambda", "s3": "s3", "events": "events", "servicequotas": "service-quotas"}
MODELS = {}

# Members of answers that our handlers read, where the model requires none. `[]` = in each item of a list.
READ = {
    "RunInstances": ["Instances[].InstanceId"],
    "DescribeInstances": ["Reservations[].Instances[].InstanceId", "Reservations[].Instances[].State.Name",
                          "Reservations[].Instances[].AmiLaunchIndex", "Reservations[].Instances[].Tags"],
    "DescribeVolumes": ["Volumes[].VolumeId", "Volumes[].State", "Volumes[].Tags"],
    "DescribeSubnets": ["Subnets[].SubnetId", "Subnets[].AvailabilityZone"],
    "DescribeInstanceTypeOfferings": ["InstanceTypeOfferings[].InstanceType", "InstanceTypeOfferings[].Location"],
    "TerminateInstances": ["TerminatingInstances[].InstanceId"],
    "SendCommand": ["Command.CommandId"],
    "ListCommands": ["Commands[].CommandId", "Commands[].Comment", "Commands[].Status"],
    "ListCommandInvocations": ["CommandInvocations[].InstanceId", "CommandInvocations[].Status",
                               "CommandInvocations[].CommandPlugins[].Output"],
    "DescribeInstanceInformation": ["InstanceInformationList[].InstanceId", "InstanceInformationList[].PingStatus"],
    "DescribeExecution": ["status"],
    "ListObjectsV2": ["IsTruncated", "Contents[].Key"],
    "Publish": ["MessageId"],
}
# Errors that any operation may give and that models do not list, by service.
COMMON = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "AuthorizationError", "RequestLimitExceeded",
          "InsufficientInstanceCapacity", "PreconditionFailed", "NoSuchKey", "IdempotentParameterMismatch", "InvalidVpcPeeringConnectionID.NotFound",
          "InvalidStateTransition"}
SIGNED = re.compile(r"^(x-amz-(date|security-token|user-agent|content-sha256|target|sdk.*|decoded-content-length|trailer|checksum-.*)|amz-sdk-.*)$")


def model(service):
    if service not in MODELS:
        MODELS[service] = SESSION.get_service_model(NAMES[service])
    return MODELS[service]


class Faults(list):
    def add(self, where, what):
        self.append(f"{where}: {what}")


def check_scalar(shape, value, where, faults, strict_enum):
    kind = shape.type_name
    if kind in ("integer", "long") and not re.fullmatch(r"-?\d+", str(value)):
        faults.add(where, f"{value!r} is not {kind}")
    elif kind in ("double", "float") and not re.fullmatch(r"-?\d+(\.\d+)?", str(value)):
        faults.add(where, f"{value!r} is not {kind}")
    elif kind == "boolean" and str(value).lower() not in ("true", "false"):
        faults.add(where, f"{value!r} is not boolean")
    elif kind == "timestamp" and not re.fullmatch(r"\d+(\.\d+)?|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", str(value)):
        faults.add(where, f"{value!r} is not a timestamp")
    elif kind == "string" and strict_enum and getattr(shape, "enum", None) and value not in shape.enum:
        faults.add(where, f"{value!r} is not one of the enumeration")


def check_json(shape, value, where, faults):
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return faults.add(where, "is not an object")
        known = {m.serialization.get("name", n): m for n, m in shape.members.items()}
        for name, inner in value.items():
            if name not in known:
                faults.add(where, f"unknown member {name}")
            else:
                check_json(known[name], inner, f"{where}.{name}", faults)
        for name in shape.required_members:
            if shape.members[name].serialization.get("name", name) not in value:
                faults.add(where, f"required member {name} is missing")
    elif kind == "list":
        if not isinstance(value, list):
            return faults.add(where, "is not a list")
        for i, inner in enumerate(value):
            check_json(shape.member, inner, f"{where}[{i}]", faults)
    elif kind == "map":
        if not isinstance(value, dict):
            return faults.add(where, "is not a map")
        for name, inner in value.items():
            check_json(shape.value, inner, f"{where}.{name}", faults)
    else:
        wanted = {"string": str, "boolean": bool, "timestamp": (int, float), "integer": int, "long": int}.get(kind)
        if wanted and (not isinstance(value, wanted) or (kind != "boolean" and isinstance(value, bool))):
            return faults.add(where, f"{value!r} is not {kind}")
        check_scalar(shape, value, where, faults, True)


def tree(form):
    root = {}
    for name, value in form:
        at = root
        parts = name.split(".")
        for part in parts[:-1]:
            at = at.setdefault(part, {})
        at[parts[-1]] = value
    return root


def query_name(member, name, protocol):
    if protocol == "ec2":
        given = member.serialization.get("queryName")
        if given:
            return given
        name = member.serialization.get("name", name)
        return name[0].upper() + name[1:]
    return member.serialization.get("name", name)


def check_query(shape, value, where, faults, protocol):
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return faults.add(where, "is not a structure")
        known = {query_name(m, n, protocol): m for n, m in shape.members.items()}
        for name, inner in value.items():
            if name not in known:
                faults.add(where, f"unknown member {name}")
            else:
                check_query(known[name], inner, f"{where}.{name}", faults, protocol)
        for name in shape.required_members:
            if query_name(shape.members[name], name, protocol) not in value:
                faults.add(where, f"required member {name} is missing")
    elif kind == "list":
        if not isinstance(value, dict) or sorted(int(k) if k.isdigit() else -1 for k in value) != list(range(1, len(value) + 1)):
            return faults.add(where, "is not a numbered list")
        for i, inner in value.items():
            check_query(shape.member, inner, f"{where}.{i}", faults, protocol)
    else:
        if isinstance(value, dict):
            return faults.add(where, f"is a structure, not {kind}")
        check_scalar(shape, value, where, faults, True)


def local(tag):
    return tag.split("}")[-1]


def check_xml(shape, element, where, faults, skip=()):
    """Checks an element and gives its value by the model's member names."""
    kind = shape.type_name
    if kind == "structure":
        known = {}
        for name, member in shape.members.items():
            if member.serialization.get("location"):
                continue
            flat = member.type_name == "list" and member.serialization.get("flattened")
            known[member.serialization.get("name", name)] = (name, member, flat)
        found = {}
        for child in element:
            tag = local(child.tag)
            if tag in skip:
                continue
            if tag not in known:
                faults.add(where, f"unknown member {tag}")
                continue
            name, member, flat = known[tag]
            if flat:
                found.setdefault(name, []).append(check_xml(member.member, child, f"{where}.{tag}", faults))
            else:
                found[name] = check_xml(member, child, f"{where}.{tag}", faults)
        for name in shape.required_members:
            if name not in found and not shape.members[name].serialization.get("location"):
                faults.add(where, f"required member {name} is missing")
        return found
    if kind == "list":
        tag = shape.member.serialization.get("name", "member")
        items = []
        for i, child in enumerate(element):
            if local(child.tag) != tag:
                faults.add(where, f"unknown item {local(child.tag)}")
            items.append(check_xml(shape.member, child, f"{where}[{i}]", faults))
        return items
    if len(element):
        faults.add(where, f"has elements, but is {kind}")
    value = element.text or ""
    check_scalar(shape, value, where, faults, True)
    return value


def check_read(action, value, faults):
    def walk(at, parts, path):
        if not parts:
            return
        name, each = parts[0].removesuffix("[]"), parts[0].endswith("[]")
        if not isinstance(at, dict) or name not in at:
            return faults.add(f"{action} answer{path}", f"expected member {name} is missing")
        for item in at[name] if each else [at[name]]:
            walk(item, parts[1:], f"{path}.{name}")
    for path in READ.get(action, []):
        parts = path.split(".")
        # An empty answer may leave the list out.
        if parts[0].endswith("[]") and isinstance(value, dict) and parts[0][:-2] not in value:
            continue
        walk(value, parts, "")


def check_request(service, action, request, faults):
    operation = model(service).operation_model(action)
    shape, protocol = operation.input_shape, model(service).metadata["protocol"]
    method, target, headers, body = request
    where = f"{action} request"
    if protocol in ("ec2", "query"):
        form = urllib.parse.parse_qsl(body, keep_blank_values=True)
        named = dict(form)
        if named.get("Version") != model(service).api_version:
            faults.add(where, f"version {named.get('Version')}")
        check_query(shape, tree([(k, v) for k, v in form if k not in ("Action", "Version")]), where, faults, protocol)
    elif protocol == "json":
        check_json(shape, json.loads(body), where, faults)
    else:
        if method != operation.http["method"]:
            faults.add(where, f"method {method}, the model says {operation.http['method']}")
        path = urllib.parse.urlsplit(target)
        known_headers, known_query, given = {"host", "content-type", "content-length", "user-agent", "authorization", "accept", "content-encoding", "content-md5"}, {"x-id"}, set()
        for name, member in shape.members.items():
            place, key = member.serialization.get("location"), member.serialization.get("name", name)
            if place == "header":
                known_headers.add(key.lower())
            elif place == "querystring":
                known_query.add(key)
            if (place == "header" and key.lower() in headers) or (place == "querystring" and key in dict(urllib.parse.parse_qsl(path.query))) or place == "uri" or name == "Bucket":
                given.add(name)
        for header in headers:
            if header not in known_headers and not SIGNED.match(header):
                faults.add(where, f"unknown header {header}")
        wanted = {k for k, _ in urllib.parse.parse_qsl(urllib.parse.urlsplit(operation.http["requestUri"]).query, keep_blank_values=True)}
        for key, _ in urllib.parse.parse_qsl(path.query, keep_blank_values=True):
            if key not in known_query | wanted:
                faults.add(where, f"unknown query member {key}")
        payload = shape.serialization.get("payload")
        if payload and body and shape.members[payload].type_name == "structure":
            check_xml(shape.members[payload], ET.fromstring(body), where, faults)
        if payload and body:
            given.add(payload)
        for name in shape.required_members:
            if name not in given:
                faults.add(where, f"required member {name} is missing")


def check_answer(service, action, response, faults):
    operation = model(service).operation_model(action)
    protocol = model(service).metadata["protocol"]
    status, headers, body = response
    where = f"{action} answer"
    if status >= 400:
        if protocol in ("ec2", "query", "rest-xml"):
            codes = [e.text for e in ET.fromstring(body).iter() if local(e.tag) == "Code"]
            code = codes[0] if codes else ""
        else:
            code = headers.get("x-amzn-errortype", "")
        listed = {s.error_code if hasattr(s, "error_code") else s.name for s in operation.error_shapes} | {s.name for s in operation.error_shapes}
        if code not in listed | COMMON:
            faults.add(where, f"error code {code!r} is not this operation's")
        return
    shape = operation.output_shape
    if shape is None and protocol != "ec2":
        # Nothing is answered but the status.
        return
    if protocol == "ec2":
        root = ET.fromstring(body)
        if local(root.tag) != f"{action}Response":
            faults.add(where, f"root {local(root.tag)}")
        if shape is None:
            # The model has no output; the service sends <return>.
            return
        check_read(action, check_xml(shape, root, where, faults, skip=("requestId",)), faults)
    elif protocol == "query":
        result = next((e for e in ET.fromstring(body) if local(e.tag) == f"{action}Result"), None)
        if result is None:
            return faults.add(where, f"no {action}Result")
        check_read(action, check_xml(shape, result, where, faults), faults)
    elif protocol == "json":
        value = json.loads(body)
        check_json(shape, value, where, faults)
        check_read(action, value, faults)
    elif protocol == "rest-xml":
        for name, member in shape.members.items():
            if member.serialization.get("location") == "header" and name == "ETag" and "etag" not in headers:
                faults.add(where, "expected member ETag is missing")
        payload = shape.serialization.get("payload")
        if body and not payload:
            check_read(action, check_xml(shape, ET.fromstring(body), where, faults), faults)


def check(messages):
    faults = Faults()
    for m in messages:
        if m["service"] not in NAMES:
            faults.add(m["service"], "unknown service")
            continue
        check_request(m["service"], m["action"], m["request"], faults)
        check_answer(m["service"], m["action"], m["response"], faults)
    return faults


def swap(part, old, new):
    def change(m):
        text = m[part][-1]
        if old not in text:
            raise SystemExit(f"the defect {old!r} -> {new!r} finds no place in {m['action']}")
        m[part][-1] = text.replace(old, new)
    return change


# Kind of defect, action, what is changed, and the words that must be said of it.
DEFECTS = [
    ("unknown member, Query request", "RunInstances", swap("request", "&SubnetId=", "&SubnetIdd="), "unknown member SubnetIdd"),
    ("wrong type, Query request", "RunInstances", swap("request", "MinCount=", "MinCount=x"), "is not integer"),
    ("missing member, Query request", "RunInstances", swap("request", "&MinCount=", "&Monitoring.Enabled=true&ClientToken="), "required member MinCount is missing"),
    ("outside the enumeration", "RunInstances", swap("request", "m6a.large", "m6a.tiny"), "is not one of the enumeration"),
    ("unknown member, XML answer", "DescribeInstances", swap("response", "<imageId>", "<imageIdd/><imageId>"), "unknown member imageIdd"),
    ("wrong type, XML answer", "DescribeInstances", swap("response", "<amiLaunchIndex>0", "<amiLaunchIndex>first"), "is not integer"),
    ("missing member, XML answer", "DescribeInstances", swap("response", "instanceId>", "imageId>"), "expected member InstanceId is missing"),
    ("unknown member, JSON request", "SendCommand", swap("request", '"Comment"', '"Remark"'), "unknown member Remark"),
    ("wrong type, JSON request", "SendCommand", swap("request", '"MaxErrors":"100%"', '"MaxErrors":100'), "is not string"),
    ("missing member, JSON request", "SendCommand", swap("request", '"DocumentName"', '"DocumentVersion"'), "required member DocumentName is missing"),
    ("unknown member, JSON answer", "SendCommand", swap("response", '"CommandId"', '"CommandIdd"'), "unknown member CommandIdd"),
    ("wrong type, JSON answer", "ListCommandInvocations", swap("response", '"ResponseCode":0', '"ResponseCode":"0"'), "is not integer"),
    ("missing member, JSON answer", "DescribeInstanceInformation", swap("response", '"PingStatus":"Online",', ""), "expected member PingStatus is missing"),
    ("unknown member, S3 answer", "ListObjectsV2", swap("response", "<KeyCount>", "<KeyCountt/><KeyCount>"), "unknown member KeyCountt"),
]


def defects(messages):
    missed = []
    for kind, action, change, words in DEFECTS:
        found = None
        for m in messages:
            if m["action"] == action and m["response"][0] < 300:
                bad = copy.deepcopy(m)
                try:
                    change(bad)
                except SystemExit:
                    continue
                found = check([bad])
                break
        if found is None or not any(words in f for f in found):
            missed.append(f"{kind}: not caught ({found})")
        else:
            print(f"  caught: {kind}")
    return missed


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        messages = [json.loads(line) for line in f]
    if "--defects" in sys.argv:
        missed = defects(messages)
        print("\n".join(missed))
        print(f"{len(DEFECTS) - len(missed)} passed, {len(missed)} failed")
        return 1 if missed else 0
    faults = check(messages)
    for fault in sorted(set(faults)):
        print(fault)
    actions = sorted({f"{m['service']}:{m['action']}" for m in messages})
    print(f"{len(messages)} messages of {len(actions)} operations held against botocore's models: {', '.join(actions)}")
    print(f"{len(messages) - len(set(faults))} passed, {len(set(faults))} failed")
    missing = sorted(set(READ) - {"DescribeExecution"} - {m["action"] for m in messages})
    if missing:
        print(f"not seen in the recorded runs: {', '.join(missing)}")
    return 1 if faults or missing or len(messages) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
