"""What boto3_client.py plays, service by service: what works, and what AWS refuses with which code and HTTP status."""
import hashlib
import json
import time

FOUNDER, BANK, STRANGER = "111122223333", "444455556666", "777788889999"
EAST, WEST = "us-east-1", "eu-west-1"
# Two roles of the judge's own: the first may take the second, whose only permission is to describe volumes.
CALLER = f"arn:aws:iam::{FOUNDER}:role/judge-caller"
TAKEN = f"arn:aws:iam::{BANK}:role/judge-taken"


def role_key(arn):
    """The key id that the local cloud gives a role of its own accord."""
    return "ASIA" + hashlib.sha256(arn.encode()).hexdigest()[:16].upper()


def stack(judge, account, output):
    """Resources and outputs of the stack of an account that has this output."""
    return next(s["resources"] | s["outputs"] for s in judge.world["stacks"].values() if s["account"] == account and output in s["outputs"])


founder = lambda judge: stack(judge, FOUNDER, "Document")
hub = lambda judge: stack(judge, FOUNDER, "Topic")
bank = lambda judge: stack(judge, BANK, "Document")


def no_keys(judge, service, code, status, operation, **parameters):
    """Keys that nobody has, and a role that may not."""
    stranger = judge.client(service, key="ASIA0000000000000000", attempts=1)
    judge.refused(f"{service}: unknown keys", code, status, getattr(stranger, operation), **parameters)


def no_permission(judge, service, code, status, operation, **parameters):
    client = judge.client(service, key=role_key(CALLER), attempts=1)
    judge.refused(f"{service}: a role that may not", code, status, getattr(client, operation), **parameters)


def identity(judge):
    root, caller = judge.client("sts"), judge.client("sts", key=role_key(CALLER))
    me = root.get_caller_identity()
    judge.equal("a root's own ARN", me["Arn"], f"arn:aws:iam::{FOUNDER}:root")
    judge.equal("a root's account and user id", (me["Account"], me["UserId"]), (FOUNDER, FOUNDER))
    judge.equal("a role's own ARN", caller.get_caller_identity()["Arn"], f"arn:aws:sts::{FOUNDER}:assumed-role/judge-caller/judge-caller")
    ask = {"RoleArn": TAKEN, "RoleSessionName": "visit"}
    judge.refused("a root takes no role", "AccessDenied", 403, root.assume_role, **ask, ExternalId="of-the-judge")
    judge.refused("no ExternalId", "AccessDenied", 403, caller.assume_role, **ask)
    judge.refused("another ExternalId", "AccessDenied", 403, caller.assume_role, **ask, ExternalId="other")
    judge.refused("a function's role is for Lambda", "AccessDenied", 403, caller.assume_role, RoleSessionName="visit", RoleArn=hub(judge)["AskMembersRole"])
    judge.refused("a role that does not exist", "AccessDenied", 403, caller.assume_role, RoleSessionName="visit", RoleArn=TAKEN + "-not")
    judge.refused("too long a session", "ValidationError", 400, caller.assume_role, **ask, ExternalId="of-the-judge", DurationSeconds=7200)
    taken = caller.assume_role(**ask, ExternalId="of-the-judge", DurationSeconds=900)
    judge.equal("the role that was taken", taken["AssumedRoleUser"]["Arn"], f"arn:aws:sts::{BANK}:assumed-role/judge-taken/visit")
    keys = taken["Credentials"]
    mine = lambda service, token=keys["SessionToken"]: judge.client(service, WEST, keys["AccessKeyId"], token, attempts=1)
    me = mine("sts").get_caller_identity()
    judge.equal("keys of the role that was taken", (me["Arn"], me["UserId"]), (taken["AssumedRoleUser"]["Arn"], taken["AssumedRoleUser"]["AssumedRoleId"]))
    judge.equal("what the role may", mine("ec2").describe_volumes()["Volumes"], [])
    judge.refused("what the role may not", "UnauthorizedOperation", 403, mine("ec2").describe_instances)
    judge.refused("another session's token", "AuthFailure", 401, mine("ec2", "other").describe_volumes)
    no_keys(judge, "sts", "InvalidClientTokenId", 403, "get_caller_identity")
    judge.refused("sts: an operation that is not there", "InvalidAction", 400, root.get_access_key_info, AccessKeyId="ASIA0000000000000000")


def objects(judge):
    s3, bucket = judge.client("s3"), hub(judge)["HubBucket"]
    s3.put_object(Bucket=bucket, Key="judge/new", Body=b"one", IfNoneMatch="*")
    judge.refused("If-None-Match refuses what is there", "PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="judge/new", Body=b"two", IfNoneMatch="*")
    judge.equal("the refused write changed nothing", s3.get_object(Bucket=bucket, Key="judge/new")["Body"].read(), b"one")
    made = s3.put_object(Bucket=bucket, Key="judge/a", Body=b"one")
    judge.equal("the ETag is the object's", s3.get_object(Bucket=bucket, Key="judge/a")["ETag"], made["ETag"])
    over = s3.put_object(Bucket=bucket, Key="judge/a", Body=b"two", IfMatch=made["ETag"])
    judge.true("another content has another ETag", over["ETag"] != made["ETag"], over["ETag"])
    judge.refused("If-Match refuses what has changed", "PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="judge/a", Body=b"3", IfMatch=made["ETag"])
    judge.refused("If-Match on nothing", "NoSuchKey", 404, s3.put_object, Bucket=bucket, Key="judge/none", Body=b"3", IfMatch=made["ETag"])
    judge.refused("an absent object", "NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="judge/none")
    judge.refused("an absent bucket", "NoSuchBucket", 404, s3.get_object, Bucket="judge-has-none", Key="a")
    names = [f"judge/list/{n} + ü&<" for n in range(5)]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
    listed = lambda page: page.get("Contents", [])
    judge.pages("objects", s3, "list_objects_v2", listed, 2, names, lambda o: o["Key"], Bucket=bucket, Prefix="judge/list/")
    judge.refused("a wrong token of a list", "InvalidArgument", 400, s3.list_objects_v2, Bucket=bucket, ContinuationToken="wrong")
    judge.refused("a parameter that would be ignored", "NotImplemented", 501, judge.client("s3", attempts=1).list_objects_v2, Bucket=bucket, Delimiter="/")
    keys = lambda names: {"Objects": [{"Key": name} for name in names]}
    gone = s3.delete_objects(Bucket=bucket, Delete=keys(names[:2] + ["judge/none"]))
    judge.equal("deleted objects are named, absent ones too", sorted(d["Key"] for d in gone["Deleted"]), sorted(names[:2] + ["judge/none"]))
    gone = s3.delete_objects(Bucket=bucket, Delete=keys(names[2:]) | {"Quiet": True})
    judge.equal("not when quiet", gone.get("Deleted", []), [])
    judge.equal("nothing is listed any more", s3.list_objects_v2(Bucket=bucket, Prefix="judge/list/")["KeyCount"], 0)
    far = judge.client("s3", WEST).get_object(Bucket=bucket, Key="judge/a")
    judge.equal("a client of another region is led to the bucket's", far["Body"].read(), b"two")
    policies(judge, s3, bank(judge)["Bucket"])
    judge.refused("another account's object", "AccessDenied", 403, judge.client("s3", key=BANK).get_object, Bucket=bucket, Key="judge/a")
    no_keys(judge, "s3", "InvalidAccessKeyId", 403, "get_object", Bucket=bucket, Key="judge/a")
    no_permission(judge, "s3", "AccessDenied", 403, "get_object", Bucket=bucket, Key="judge/none")


def policies(judge, s3, theirs):
    """Of a bucket: the bank lets the founder read one object."""
    owner, far = judge.client("s3", WEST, BANK), judge.client("s3", WEST)
    owner.put_object(Bucket=theirs, Key="judge/open", Body=b"open")
    judge.refused("before the policy", "AccessDenied", 403, far.get_object, Bucket=theirs, Key="judge/open")
    judge.refused("a policy of another's bucket", "AccessDenied", 403, far.put_bucket_policy, Bucket=theirs, Policy="{\"Statement\":[]}")
    judge.refused("a policy that is none", "MalformedPolicy", 400, owner.put_bucket_policy, Bucket=theirs, Policy="{")
    statement = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{FOUNDER}:root"}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{theirs}/judge/open"}
    answer = owner.put_bucket_policy(Bucket=theirs, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    judge.equal("a policy is put", answer["ResponseMetadata"]["HTTPStatusCode"], 204)
    judge.equal("and lets in", far.get_object(Bucket=theirs, Key="judge/open")["Body"].read(), b"open")


def tags(kind, **more):
    values = {"judge": "yes"} | more
    return {"ResourceType": kind, "Tags": [{"Key": k, "Value": v} for k, v in values.items()]}


def order(judge, token, count=7, **other):
    mine = founder(judge)
    key = lambda name: f"arn:aws:kms:{EAST}:{FOUNDER}:key/{mine[name]}"
    disk = lambda device, size, key, dies: {"DeviceName": device, "Ebs": {"VolumeSize": size, "VolumeType": "gp3", "Encrypted": True, "KmsKeyId": key, "DeleteOnTermination": dies}}
    return {"LaunchTemplate": {"LaunchTemplateId": mine["NodeTemplate"], "Version": "$Latest"}, "SubnetId": mine["SubnetA"], "InstanceType": "m6a.large",
            "MinCount": count, "MaxCount": count, "ClientToken": token, "TagSpecifications": [tags("instance"), tags("volume")],
            "BlockDeviceMappings": [disk("/dev/sdf", 100, key("DataKey"), True), disk("/dev/sdg", 1, key("IdentityKey"), False)]} | other


mine = lambda name="judge", value="yes": [{"Name": f"tag:{name}", "Values": [value]}]
machines_of = lambda page: [i for r in page["Reservations"] for i in r["Instances"]]
ids = lambda instances: sorted(i["InstanceId"] for i in instances)


def places(judge):
    ec2, own = judge.client("ec2"), founder(judge)
    shown = ec2.describe_subnets(SubnetIds=[own["SubnetA"], own["SubnetB"]])
    judge.equal("a throttled call is tried again", shown["ResponseMetadata"]["RetryAttempts"], 1)
    zones = [s["AvailabilityZone"] for s in shown["Subnets"]]
    judge.equal("subnets in two zones", (len(set(zones)), {s["State"] for s in shown["Subnets"]}), (2, {"available"}))
    judge.waits(ec2, "subnet_available", SubnetIds=[own["SubnetA"]])
    judge.refused("a subnet that does not exist", "InvalidSubnetID.NotFound", 400, ec2.describe_subnets, SubnetIds=["subnet-0"])
    kinds = ["m6a.large", "m5.large", "t3.large"]
    filters = [{"Name": "instance-type", "Values": kinds}, {"Name": "location", "Values": zones}]
    pair = lambda o: (o["InstanceType"], o["Location"])
    judge.pages("offerings", ec2, "describe_instance_type_offerings", lambda p: p["InstanceTypeOfferings"], 5, [(k, z) for k in kinds for z in zones], pair,
                LocationType="availability-zone", Filters=filters)


def machines(judge):
    ec2 = judge.client("ec2")
    began = time.monotonic()
    made = ec2.run_instances(**order(judge, "judge-1"))
    judge.equal("a lost reply is asked for again", made["ResponseMetadata"]["RetryAttempts"], 1)
    judge.true("and ends its connection at once", time.monotonic() - began < 15, time.monotonic() - began)
    judge.equal("launch indices", sorted(i["AmiLaunchIndex"] for i in made["Instances"]), list(range(7)))
    judge.equal("they begin pending", {i["State"]["Name"] for i in made["Instances"]}, {"pending"})
    judge.waits(ec2, "instance_exists", InstanceIds=ids(made["Instances"]))
    judge.equal("a lost reply makes no second machines", ids(machines_of(ec2.describe_instances(Filters=mine()))), ids(made["Instances"]))
    again = ec2.run_instances(**order(judge, "judge-1"))
    judge.equal("the same token gives the same machines", ids(again["Instances"]), ids(made["Instances"]))
    refused = lambda what, code, **other: judge.refused(what, code, 400, ec2.run_instances, **order(judge, "judge-2", **other))
    judge.refused("the same token, other parameters", "IdempotentParameterMismatch", 400, ec2.run_instances, **order(judge, "judge-1", InstanceType="m5.large"))
    refused("a template that does not exist", "InvalidLaunchTemplateId.NotFound", LaunchTemplate={"LaunchTemplateId": "lt-0"})
    refused("machines in a subnet that does not exist", "InvalidSubnetID.NotFound", SubnetId="subnet-0")
    refused("more than the quota", "VcpuLimitExceeded", count=600)
    refused("a key that does not exist", "InvalidKmsKey.NotFound", BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "KmsKeyId": "none"}}])
    refused("a parameter that would be ignored", "UnknownParameter", Monitoring={"Enabled": True})
    judge.equal("refusals made nothing", len(machines_of(ec2.describe_instances(Filters=mine()))), 7)
    judge.waits(ec2, "instance_running", InstanceIds=ids(made["Instances"]))
    page = ec2.describe_instances(InstanceIds=ids(made["Instances"]))
    judge.equal("one reservation", [r["ReservationId"] for r in page["Reservations"]], [made["ReservationId"]])
    first = machines_of(page)[0]
    judge.equal("disks", sorted(m["DeviceName"] for m in first["BlockDeviceMappings"]), ["/dev/sdf", "/dev/sdg"])
    judge.equal("vCPUs", first["CpuOptions"]["CoreCount"] * first["CpuOptions"]["ThreadsPerCore"], 2)
    judge.equal("addresses of their own", len({i["PrivateIpAddress"] for i in machines_of(page)}), 7)
    judge.pages("machines", ec2, "describe_instances", machines_of, 5, ids(made["Instances"]), lambda i: i["InstanceId"], Filters=mine())
    state = ec2.describe_instances(Filters=mine() + [{"Name": "instance-state-name", "Values": ["stopped"]}])
    judge.equal("no machine is stopped", state["Reservations"], [])
    judge.refused("a filter that is not there", "InvalidParameterValue", 400, ec2.describe_instances, Filters=mine("x") + [{"Name": "colour", "Values": ["red"]}])
    judge.refused("a machine that does not exist", "InvalidInstanceID.NotFound", 400, ec2.describe_instances, InstanceIds=["i-0"])
    judge.refused("ec2: an operation that is not there", "InvalidAction", 400, ec2.describe_key_pairs)
    named = {"Key": "consortium:node", "Value": "judged"}
    ec2.create_tags(Resources=[first["InstanceId"]], Tags=[named])
    shown = machines_of(ec2.describe_instances(Filters=mine("consortium:node", "judged")))
    judge.true("a tag is shown", len(shown) == 1 and named in shown[0]["Tags"], shown)
    judge.refused("tags of a machine that does not exist", "InvalidInstanceID.NotFound", 400, ec2.create_tags, Resources=["i-0"], Tags=[named])
    judge.equal("another account sees none", judge.client("ec2", key=BANK).describe_instances()["Reservations"], [])
    no_keys(judge, "ec2", "AuthFailure", 401, "describe_instances")
    no_permission(judge, "ec2", "UnauthorizedOperation", 403, "describe_instances")


def commands(judge):
    ssm, ec2, document = judge.client("ssm"), judge.client("ec2"), founder(judge)["Document"]
    nodes = ids(machines_of(ec2.describe_instances(Filters=mine())))
    by_id = [{"Key": "InstanceIds", "Values": nodes}]
    online = lambda p: [i for i in p["InstanceInformationList"] if i["PingStatus"] == "Online"]
    judge.until("all agents are online", lambda: len(online(ssm.describe_instance_information(Filters=by_id))) == len(nodes))
    judge.pages("agents", ssm, "describe_instance_information", online, 5, nodes, lambda i: i["InstanceId"], Filters=by_id)
    judge.equal("without a filter all are shown", ids(ssm.describe_instance_information()["InstanceInformationList"]), nodes)
    send = lambda **other: {"DocumentName": document, "InstanceIds": nodes, "Parameters": {"Order": ["e30"]}, "MaxConcurrency": "100%", "MaxErrors": "100%",
                            "TimeoutSeconds": 60, "Comment": "judge"} | other
    refused = lambda what, code, **other: judge.refused(what, code, 400, ssm.send_command, **send(**other))
    refused("a document that does not exist", "InvalidDocument", DocumentName="judge-has-none")
    refused("a machine that is no node", "InvalidInstanceId", InstanceIds=["i-00000000000000000"])
    refused("a parameter with a shell's characters", "InvalidParameters", Parameters={"Order": ["$(reboot)"]})
    refused("a parameter that nobody declared", "InvalidParameters", Parameters={"Commands": ["e30"]})
    refused("too long a comment", "ValidationException", Comment="x" * 101)
    sent = [ssm.send_command(**send(Comment=f"judge-{n}"))["Command"]["CommandId"] for n in range(3)]
    parts = lambda p: p["CommandInvocations"]
    ended = lambda: [i for i in parts(ssm.list_command_invocations(CommandId=sent[0], Details=True)) if i["Status"] not in ("Pending", "InProgress")]
    done = judge.until("every node has ended", lambda: len(ended()) == len(nodes) and ended())
    judge.equal("an empty order fails on each node", {i["Status"] for i in done}, {"Failed"})
    plugin = done[0]["CommandPlugins"][0]
    judge.true("with an exit code and words", plugin["ResponseCode"] != 0 and plugin["Output"], plugin)
    judge.pages("parts of a command", ssm, "list_command_invocations", parts, 5, nodes, lambda i: i["InstanceId"], CommandId=sent[0])
    by_document = [{"key": "DocumentName", "value": document}]
    listed = lambda p: p["Commands"]
    judge.until("commands are listed", lambda: len(listed(ssm.list_commands(Filters=by_document))) == 3)
    judge.pages("commands", ssm, "list_commands", listed, 2, sent, lambda c: c["CommandId"], Filters=by_document)
    shown = listed(ssm.list_commands(Filters=by_document))
    judge.equal("newest first", [c["Comment"] for c in shown], ["judge-2", "judge-1", "judge-0"])
    judge.refused("a wrong token of commands", "InvalidNextToken", 400, ssm.list_commands, NextToken="wrong")
    judge.refused("a filter of commands that is not there", "InvalidFilterKey", 400, ssm.list_commands, Filters=[{"key": "Status", "value": "Failed"}])
    last = ssm.send_command(**send(Comment="judge-last"))["Command"]["CommandId"]
    ssm.cancel_command(CommandId=last)
    look = lambda: [i["Status"] for i in parts(ssm.list_command_invocations(CommandId=last))]
    judge.until("a cancelled command ends so", lambda: "Cancelled" in look() or "Failed" in look())
    judge.refused("a command that does not exist", "InvalidCommandId", 400, ssm.cancel_command, CommandId="00000000-0000-4000-a000-000000000000")
    judge.refused("ssm: an operation that is not there", "UnknownOperationException", 400, ssm.list_documents)
    no_keys(judge, "ssm", "UnrecognizedClientException", 400, "list_commands")
    no_permission(judge, "ssm", "AccessDeniedException", 400, "list_commands")


def disks(judge):
    ec2 = judge.client("ec2")
    nodes = ids(machines_of(ec2.describe_instances(Filters=mine())))
    volumes = lambda p: p["Volumes"]
    all_disks = [v for p in ec2.get_paginator("describe_volumes").paginate(Filters=mine()) for v in volumes(p)]
    judge.equal("two disks each", len(all_disks), 2 * len(nodes))
    judge.pages("disks", ec2, "describe_volumes", volumes, 5, [v["VolumeId"] for v in all_disks], lambda v: v["VolumeId"], Filters=mine())
    kept = [v["VolumeId"] for v in all_disks if not v["Attachments"][0]["DeleteOnTermination"]]
    dying = [v["VolumeId"] for v in all_disks if v["VolumeId"] not in kept]
    judge.equal("attached to each machine", sorted(v["Attachments"][0]["InstanceId"] for v in all_disks if v["VolumeId"] in kept), nodes)
    judge.waits(ec2, "volume_in_use", VolumeIds=kept)
    judge.refused("a volume in use is not deleted", "VolumeInUse", 400, ec2.delete_volume, VolumeId=kept[0])
    judge.refused("a volume that does not exist", "InvalidVolume.NotFound", 400, ec2.describe_volumes, VolumeIds=["vol-0"])
    judge.refused("no end of a machine that does not exist", "InvalidInstanceID.NotFound", 400, ec2.terminate_instances, InstanceIds=nodes + ["i-0"])
    judge.equal("which ends no other", {i["State"]["Name"] for i in machines_of(ec2.describe_instances(InstanceIds=nodes))}, {"running"})
    first = ec2.terminate_instances(InstanceIds=nodes)["TerminatingInstances"]
    judge.equal("machines end", {(i["PreviousState"]["Name"], i["CurrentState"]["Name"]) for i in first}, {("running", "shutting-down")})
    judge.equal("twice is the same", ids(ec2.terminate_instances(InstanceIds=nodes)["TerminatingInstances"]), nodes)
    judge.waits(ec2, "instance_terminated", InstanceIds=nodes)
    judge.waits(ec2, "volume_deleted", VolumeIds=dying)
    judge.waits(ec2, "volume_available", VolumeIds=kept)
    for volume in kept:
        ec2.delete_volume(VolumeId=volume)
    judge.refused("a volume is deleted once", "InvalidVolume.NotFound", 400, ec2.delete_volume, VolumeId=kept[0])
    judge.equal("no disk is left", ec2.describe_volumes(Filters=mine())["Volumes"], [])


def peering(judge):
    east, west, ours, theirs = judge.client("ec2"), judge.client("ec2", WEST, BANK), founder(judge), bank(judge)
    other = judge.world["plain"][theirs["Vpc"]]["properties"]["CidrBlock"]
    ask = {"VpcId": ours["Vpc"], "PeerVpcId": theirs["Vpc"], "PeerOwnerId": BANK, "PeerRegion": WEST, "TagSpecifications": [tags("vpc-peering-connection")]}
    judge.refused("a peering of a VPC that does not exist", "InvalidVpcID.NotFound", 400, east.create_vpc_peering_connection, **ask | {"VpcId": "vpc-0"})
    asked = east.create_vpc_peering_connection(**ask)["VpcPeeringConnection"]
    peer = {"VpcPeeringConnectionId": asked["VpcPeeringConnectionId"]}
    one = {"VpcPeeringConnectionIds": [asked["VpcPeeringConnectionId"]]}
    state = lambda client: client.describe_vpc_peering_connections(**one)["VpcPeeringConnections"][0]
    judge.equal("a peering begins", asked["Status"]["Code"], "initiating-request")
    judge.waits(west, "vpc_peering_connection_exists", **one)
    judge.until("it waits for the other", lambda: state(east)["Status"]["Code"] == "pending-acceptance")
    judge.equal("tags do not cross accounts", (state(east)["Tags"][0]["Key"], state(west)["Tags"]), ("judge", []))
    judge.refused("who asked does not accept", "OperationNotPermitted", 400, east.accept_vpc_peering_connection, **peer)
    judge.refused("an unknown peering", "InvalidVpcPeeringConnectionID.NotFound", 400, west.accept_vpc_peering_connection, VpcPeeringConnectionId="pcx-0")
    west.accept_vpc_peering_connection(**peer)
    judge.refused("a peering is accepted once", "InvalidStateTransition", 400, west.accept_vpc_peering_connection, **peer)
    judge.until("it is active on both sides", lambda: {state(east)["Status"]["Code"], state(west)["Status"]["Code"]} == {"active"})
    found = east.describe_vpc_peering_connections(Filters=mine() + [{"Name": "requester-vpc-info.vpc-id", "Values": [ours["Vpc"]]}])
    judge.equal("found by tag and VPC", [p["VpcPeeringConnectionId"] for p in found["VpcPeeringConnections"]], one["VpcPeeringConnectionIds"])

    route = {"RouteTableId": ours["Routes"], "DestinationCidrBlock": other}
    judge.equal("a route is made", east.create_route(**route, **peer)["Return"], True)
    judge.refused("a route is made once", "RouteAlreadyExists", 400, east.create_route, **route, **peer)
    judge.refused("a table that does not exist", "InvalidRouteTableID.NotFound", 400, east.create_route, **route | {"RouteTableId": "rtb-0"}, **peer)
    routes = lambda: {r["DestinationCidrBlock"]: r["State"] for r in east.describe_route_tables(RouteTableIds=[ours["Routes"]])["RouteTables"][0]["Routes"]}
    judge.equal("the route is active", routes().get(other), "active")
    rules(judge, east, ours["NodeGroup"], other)
    east.delete_vpc_peering_connection(**peer)
    judge.waits(east, "vpc_peering_connection_deleted", **one)
    judge.equal("a route over nothing is a black hole", routes().get(other), "blackhole")
    judge.refused("a peering is deleted once", "InvalidStateTransition", 400, east.delete_vpc_peering_connection, **peer)
    east.delete_route(**route)
    judge.refused("a route is deleted once", "InvalidRoute.NotFound", 400, east.delete_route, **route)
    judge.equal("the route is gone", routes().get(other), None)


def rules(judge, ec2, group, cidr):
    ask = lambda *ports: {"GroupId": group, "TagSpecifications": [tags("security-group-rule")], "IpPermissions": [
        {"IpProtocol": "tcp", "FromPort": p, "ToPort": p, "IpRanges": [{"CidrIp": cidr, "Description": "judge"}]} for p in ports]}
    made = ec2.authorize_security_group_ingress(**ask(26656, 1, 2, 3, 4, 5))["SecurityGroupRules"]
    judge.refused("a rule is made once", "InvalidPermission.Duplicate", 400, ec2.authorize_security_group_ingress, **ask(26656))
    judge.refused("a group that does not exist", "InvalidGroup.NotFound", 400, ec2.authorize_security_group_ingress, **ask(7) | {"GroupId": "sg-0"})
    wanted = [r["SecurityGroupRuleId"] for r in made]
    filters = [{"Name": "group-id", "Values": [group]}] + mine()
    judge.pages("rules", ec2, "describe_security_group_rules", lambda p: p["SecurityGroupRules"], 5, wanted, lambda r: r["SecurityGroupRuleId"], Filters=filters)
    gone = ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=wanted)
    judge.equal("rules are taken away", (gone["Return"], ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]), (True, []))
    judge.refused("a rule is taken away once", "InvalidSecurityGroupRuleId.NotFound", 400, ec2.revoke_security_group_ingress, GroupId=group, SecurityGroupRuleIds=wanted[:1])


def events(judge):
    client, stranger, bus = judge.client("events"), judge.client("events", key=STRANGER), hub(judge)["Bus"]
    entry = lambda **other: {"Source": "consortium.judge", "DetailType": "Judged", "Detail": "{\"a\":1}", "EventBusName": bus} | other
    put = client.put_events(Entries=[entry(), entry(Source="aws.ec2"), entry(Detail="{")])
    codes = [e.get("ErrorCode") for e in put["Entries"]]
    judge.equal("an entry fails alone", (put["FailedEntryCount"], codes), (2, [None, "NotAuthorizedForSourceException", "MalformedDetail"]))
    judge.refused("more than ten entries", "ValidationException", 400, client.put_events, Entries=[entry()] * 11)
    judge.refused("a bus that lets nobody in", "AccessDeniedException", 400, stranger.put_events, Entries=[entry()])
    before = json.loads(client.describe_event_bus(Name=bus)["Policy"])
    statement = {"Sid": "judge", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"}, "Action": "events:PutEvents", "Resource": bus}
    policy = {"Version": "2012-10-17", "Statement": before["Statement"] + [statement]}
    client.put_permission(EventBusName=bus.split("/")[-1], Policy=json.dumps(policy))
    judge.equal("until its policy does", stranger.put_events(Entries=[entry()])["FailedEntryCount"], 0)
    client.put_permission(EventBusName=bus.split("/")[-1], Policy=json.dumps(before))
    judge.refused("a bus that does not exist", "ResourceNotFoundException", 400, client.put_permission, EventBusName="none", Policy=json.dumps(policy))
    no_keys(judge, "events", "UnrecognizedClientException", 400, "put_events", Entries=[entry()])
    no_permission(judge, "events", "AccessDeniedException", 400, "put_events", Entries=[entry()])


def notices_and_quotas(judge):
    sns, topic, quotas = judge.client("sns"), hub(judge)["Topic"], judge.client("service-quotas")
    judge.true("a message is published", sns.publish(TopicArn=topic, Subject="judge", Message="a < b")["MessageId"])
    judge.refused("a topic that does not exist", "NotFound", 404, sns.publish, TopicArn=topic + "-not", Message="a")
    judge.refused("too long a subject", "InvalidParameter", 400, sns.publish, TopicArn=topic, Subject="x" * 101, Message="a")
    judge.refused("another account's topic", "AuthorizationError", 403, judge.client("sns", key=STRANGER).publish, TopicArn=topic, Message="a")
    judge.refused("sns: an operation that is not there", "InvalidAction", 400, sns.list_topics)
    no_keys(judge, "sns", "InvalidClientTokenId", 403, "publish", TopicArn=topic, Message="a")
    no_permission(judge, "sns", "AuthorizationError", 403, "publish", TopicArn=topic, Message="a")
    quota = quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")["Quota"]
    judge.equal("a quota", (quota["Value"], quota["Adjustable"]), (512.0, True))
    judge.refused("a quota that is not there", "NoSuchResourceException", 400, quotas.get_service_quota, ServiceCode="ec2", QuotaCode="L-0")
    no_keys(judge, "service-quotas", "UnrecognizedClientException", 400, "get_service_quota", ServiceCode="ec2", QuotaCode="L-0")
    no_permission(judge, "service-quotas", "AccessDeniedException", 400, "get_service_quota", ServiceCode="ec2", QuotaCode="L-0")


def functions(judge):
    client, plan = judge.client("lambda"), hub(judge)["PlanNetworkFunction"]
    read = lambda answer: json.loads(answer["Payload"].read())
    ask = {"members": ["founder"], "function": "check-member", "network": "judged", "execution": "judged-plan", "epoch": 0,
           "params": {"size": "test", "types": ["m6a.large"]}}
    answer = client.invoke(FunctionName=hub(judge)["AskMembersFunction"], Payload=json.dumps(ask))
    judge.equal("a function answers", (answer["StatusCode"], answer.get("FunctionError"), list(read(answer))), (200, None, ["facts"]))
    answer = client.invoke(FunctionName=plan, Payload=json.dumps({"request": {"network": "judged"}}))
    judge.equal("a function's own fault", (answer["StatusCode"], answer.get("FunctionError")), (200, "Unhandled"))
    judge.equal("has its name", read(answer)["errorType"], "Fault.InvalidInput")
    arn = f"arn:aws:lambda:{EAST}:{FOUNDER}:function:{plan}"
    judge.equal("a dry run starts nothing", client.invoke(FunctionName=arn, InvocationType="DryRun")["StatusCode"], 204)
    judge.refused("a function that does not exist", "ResourceNotFoundException", 404, client.invoke, FunctionName="none")
    judge.refused("another account's function", "AccessDeniedException", 403, judge.client("lambda", key=STRANGER).invoke, FunctionName=arn)
    judge.refused("a payload that is no JSON", "InvalidRequestContentException", 400, client.invoke, FunctionName=plan, Payload=b"{")
    judge.refused("what would be done otherwise", "InvalidParameterValueException", 400, client.invoke, FunctionName=plan, InvocationType="Event")
    no_keys(judge, "lambda", "UnrecognizedClientException", 403, "invoke", FunctionName=plan)
    no_permission(judge, "lambda", "AccessDeniedException", 403, "invoke", FunctionName=plan)


def a_launch(judge):
    """The product itself, by a foreign client: a network is launched, another one stopped."""
    client, machine = judge.client("stepfunctions"), hub(judge)["LaunchNetwork"]
    start = lambda network: {"stateMachineArn": machine, "name": f"{network}-launch-1", "input": json.dumps({"request": {
        "network": network, "chain_id": network, "size": "test", "validators": 4}})}
    begun = client.start_execution(**start("judged"))
    again = client.start_execution(**start("judged"))
    judge.equal("the same name and input is the same execution", (again["executionArn"], again["startDate"]), (begun["executionArn"], begun["startDate"]))
    judge.refused("the same name, another input", "ExecutionAlreadyExists", 400, client.start_execution, **start("judged") | {"input": "{}"})
    judge.refused("a machine that does not exist", "StateMachineDoesNotExist", 400, client.start_execution, **start("other") | {"stateMachineArn": machine + "-not"})
    judge.refused("an input that is no JSON", "InvalidExecutionInput", 400, client.start_execution, **start("other") | {"input": "{"})
    judge.refused("an execution that does not exist", "ExecutionDoesNotExist", 400, client.describe_execution, executionArn=begun["executionArn"] + "-not")
    judge.refused("nothing to stop", "ExecutionDoesNotExist", 400, client.stop_execution, executionArn=begun["executionArn"] + "-not")
    look = lambda arn: client.describe_execution(executionArn=arn)
    judge.until("the launch ends", lambda: look(begun["executionArn"])["status"] != "RUNNING")
    ended = look(begun["executionArn"])
    judge.equal("and has launched", (ended["status"], ended.get("error"), ended["name"]), ("SUCCEEDED", None, "judged-launch-1"))
    judge.true("in virtual minutes", 60 < (ended["stopDate"] - ended["startDate"]).total_seconds() < 600, ended["stopDate"] - ended["startDate"])
    running = [i for i in machines_of(judge.client("ec2").describe_instances(Filters=mine("consortium:network", "judged"))) if i["State"]["Name"] == "running"]
    judge.equal("its machines run", len(running), 4)
    other = client.start_execution(**start("stopped"))
    client.stop_execution(executionArn=other["executionArn"], error="Stopped", cause="the judge")
    stopped = look(other["executionArn"])
    judge.equal("a stopped execution", (stopped["status"], stopped["error"], stopped["cause"]), ("ABORTED", "Stopped", "the judge"))
    no_keys(judge, "stepfunctions", "UnrecognizedClientException", 400, "describe_execution", executionArn=begun["executionArn"])
    no_permission(judge, "stepfunctions", "AccessDeniedException", 400, "describe_execution", executionArn=begun["executionArn"])


def found_again(judge):
    """After the cloud was ended and started again."""
    running = machines_of(judge.client("ec2").describe_instances(Filters=mine("consortium:network", "judged")))
    judge.equal("the network outlives the cloud's process", len([i for i in running if i["State"]["Name"] == "running"]), 4)
    judge.equal("so do objects", judge.client("s3").get_object(Bucket=hub(judge)["HubBucket"], Key="judge/a")["Body"].read(), b"two")


PLAYS = [identity, objects, places, machines, commands, disks, peering, events, notices_and_quotas, functions, a_launch]
