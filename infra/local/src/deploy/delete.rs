//! A stack's end: what it made goes, what its DeletionPolicy keeps stays, and machines that still run stand in the way.

use crate::cloud::Cloud;
use crate::names;
use crate::services::ec2::before_change;
use crate::services::{ec2_peering, events};
use crate::world::{Stack, World};
use std::collections::BTreeSet;

impl Cloud {
    /// Deletes a stack with its nested ones. Nothing is deleted while something would stay in its networks or buckets.
    pub fn delete_stack(&self, account: &str, region: &str, name: &str) -> Result<(), String> {
        let now = self.now_ms();
        let ended: Vec<String> = {
            let mut world = self.world();
            let top = world.stacks.get(&format!("{account}/{region}/{name}")).cloned().ok_or_else(|| format!("there is no stack {name}"))?;
            let stacks = with_nested(&world, top);
            stacks.iter().try_for_each(|s| nothing_in_the_way(&world, s, now))?;
            before_change(&mut world, now);
            stacks.iter().for_each(|s| remove(&mut world, s, now));
            stacks.into_iter().rev().map(|s| s.id).collect()
        };
        self.changed();
        ended.iter().for_each(|id| self.tell_status(id, "DELETE_COMPLETE"));
        Ok(())
    }
}

/// A stack and everything nested in it, outer ones first.
fn with_nested(world: &World, stack: Stack) -> Vec<Stack> {
    let is_inner = |s: &&Stack| stack.resources.values().any(|id| *id == s.id);
    let inner: Vec<Stack> = world.stacks.values().filter(is_inner).cloned().collect();
    std::iter::once(stack).chain(inner.into_iter().flat_map(|s| with_nested(world, s))).collect()
}

/// Resources of a stack that go with it: physical id and type.
fn going(stack: &Stack) -> impl Iterator<Item = (&String, &str)> {
    let kind = |logical: &String| stack.kinds.get(logical).filter(|(_, kept)| !kept).map(|(kind, _)| kind.as_str());
    stack.resources.iter().filter_map(move |(logical, physical)| Some((physical, kind(logical)?)))
}

fn nothing_in_the_way(world: &World, stack: &Stack, now: u64) -> Result<(), String> {
    if stack.kinds.len() != stack.resources.len() {
        return Err(format!("the stack {} was made by a version that did not remember what its resources are", stack.name));
    }
    for (id, kind) in going(stack) {
        if kind == "AWS::EC2::Subnet" {
            let inside: Vec<&str> = world.instances.values().filter(|i| i.subnet == *id && i.state(now) != "terminated").map(|i| i.id.as_str()).collect();
            if !inside.is_empty() {
                return Err(format!("DependencyViolation: the subnet {id} has dependencies and cannot be deleted: {}", inside.join(", ")));
            }
        }
        if kind == "AWS::S3::Bucket" && world.buckets.get(id).is_some_and(|b| !b.objects.is_empty()) {
            return Err(format!("BucketNotEmpty: the bucket {id} that you tried to delete is not empty"));
        }
    }
    Ok(())
}

fn remove(world: &mut World, stack: &Stack, now: u64) {
    let (account, region) = (stack.account.as_str(), stack.region.as_str());
    let arn = |service: &str, resource: String| names::arn(service, region, account, &resource);
    let gone: BTreeSet<&String> = going(stack).map(|(id, _)| id).collect();
    for (id, kind) in going(stack) {
        match kind {
            "AWS::S3::Bucket" => drop(world.buckets.remove(id)),
            "AWS::S3::BucketPolicy" => {
                // A bucket that stays loses the policy that the stack gave it.
                if let Some(bucket) = id.strip_suffix("-policy").and_then(|name| world.buckets.get_mut(name)) {
                    bucket.policy = serde_json::Value::Null;
                }
            }
            "AWS::IAM::Role" => world.roles.retain(|role, _| names::account_of(role) != account || !role.ends_with(&format!("/{id}"))),
            "AWS::Lambda::Function" => drop(world.functions.remove(&arn("lambda", format!("function:{id}")))),
            "AWS::Lambda::Permission" => {
                let own = world.functions.values_mut().filter(|f| names::account_of(&f.arn) == account && names::region_of(&f.arn) == region);
                own.for_each(|f| f.permissions.retain(|s| s["Sid"] != **id));
            }
            "AWS::StepFunctions::StateMachine" => drop(world.machines.remove(id)),
            "AWS::CloudFormation::Stack" => {}
            _ => {
                if kind == events::BUS {
                    world.bus_policies.remove(events::Bus::named(account, region, id).arn());
                }
                if kind == "AWS::EC2::VPC" {
                    ec2_peering::end_all(world, id, account, now);
                }
                // Some types are kept by their ARN, while Ref gives their name.
                let is = |plain: &str| plain == id || plain.ends_with(&format!("/{id}"));
                world.plain.retain(|_, p| p.kind != kind || p.account != account || p.region != region || !is(&p.id));
            }
        }
    }
    // What was made by API inside of what is gone: routes of its tables, rules of its groups.
    let inside = |p: &serde_json::Value| ["RouteTableId", "GroupId"].iter().any(|k| p[*k].as_str().is_some_and(|id| gone.contains(&id.to_string())));
    world.plain.retain(|_, p| !matches!(p.kind.as_str(), "AWS::EC2::Route" | "AWS::EC2::SecurityGroupIngress") || !inside(&p.properties));
    world.stacks.remove(&format!("{account}/{region}/{}", stack.name));
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    const NESTED: &str = "
Parameters: {Url: {Type: String}, Cidr: {Type: String}}
Resources:
  Kept: {Type: 'AWS::S3::Bucket', DeletionPolicy: RetainExceptOnCreate, Properties: {BucketName: kept}}
  KeptPolicy: {Type: 'AWS::S3::BucketPolicy', Properties: {Bucket: !Ref Kept, PolicyDocument: {Statement: []}}}
  Gone: {Type: 'AWS::S3::Bucket', Properties: {BucketName: gone}}
  Inner: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: !Ref Url, Parameters: {Cidr: !Ref Cidr}}}
Outputs:
  Subnet: {Value: !GetAtt Inner.Outputs.Subnet}
  Inner: {Value: !Ref Inner}
";

    #[tokio::test(start_paused = true)]
    async fn a_stack_goes_with_what_it_made_unless_machines_run_in_it() {
        let cloud = cloud();
        let (account, region, cidr) = EAST;
        cloud.make_bucket(account, region, "templates");
        cloud.put_artefact("templates", "member.yaml", MEMBER).expect("a template");
        let parameters = [("Url".to_string(), "https://templates.s3.us-east-1.amazonaws.com/member.yaml".to_string()), ("Cidr".into(), cidr.into())];
        let outputs = cloud.deploy(account, region, "top", NESTED, &parameters.into()).expect("a stack");
        assert!(outputs["Inner"].starts_with("arn:aws:cloudformation:us-east-1:111122223333:stack/top-Inner/"), "{}", outputs["Inner"]);
        let inner = cloud.world().stacks["111122223333/us-east-1/top-Inner"].outputs.clone();
        let (east, west) = (
            Member { caller: Caller::new(&cloud, account, region), account: account.into(), region: region.into(), cidr: cidr.into(), ids: inner },
            Member::new(&cloud, WEST),
        );
        let id = element(&west.ask(&east, &[]).await.1, "vpcPeeringConnectionId").to_string();
        assert_eq!(east.run("m6a.large", "1", "a").await.0, 200);
        let machine = cloud.world().instances.keys().next().cloned().expect("a machine");
        let refused = cloud.delete_stack(account, region, "top").expect_err("a machine is in the way");
        assert!(refused.contains("DependencyViolation") && refused.contains(&machine), "{refused}");
        wait(120).await;
        assert_eq!(east.ec2("TerminateInstances", &[("InstanceId.1", &machine)]).await.0, 200);
        wait(120).await;
        assert_eq!(east.open(&west).await.0, 200);
        cloud
            .world()
            .buckets
            .get_mut("kept")
            .expect("kept")
            .objects
            .insert("k".into(), crate::world::Object { text: "v".into(), etag: String::new(), written_ms: 0 });
        cloud.delete_stack(account, region, "top").expect("deleted");
        assert!(cloud.world().buckets.contains_key("kept") && !cloud.world().buckets.contains_key("gone"));
        assert_eq!(cloud.world().buckets["kept"].policy, serde_json::Value::Null);
        assert_eq!(cloud.world().plain.values().filter(|p| p.account == account).map(|p| p.kind.as_str()).collect::<Vec<_>>(), Vec::<&str>::new());
        assert!(cloud.world().roles.keys().all(|r| r.contains(WEST.0)));
        assert_eq!(cloud.world().stacks.keys().collect::<Vec<_>>(), ["444455556666/eu-west-1/member"]);
        assert_eq!(west.state(&id).await, "deleted");
        assert!(cloud.delete_stack(account, region, "top").is_err());
    }
}
