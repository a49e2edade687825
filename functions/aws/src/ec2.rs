//! EC2: instances, their tags and their volumes.

use crate::Clients;
use crate::classify::fault;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, Filter, InstanceType, LaunchTemplateSpecification, LocationType, ResourceType, Tag, TagSpecification, VolumeType,
};
use domain::plan::Subnet;
use domain::{Fault, ids};

/// `(name, values)` pairs of a Describe filter.
pub type Filters = Vec<(String, Vec<String>)>;

/// What one RunInstances call shall make.
pub struct RunBatch {
    /// The stack's launch template.
    pub launch_template: String,
    /// Type.
    pub instance_type: String,
    /// Subnet.
    pub subnet: String,
    /// How many; all or none.
    pub count: i32,
    /// Client token.
    pub token: String,
    /// Tags of everything the call makes.
    pub tags: Vec<(String, String)>,
    /// `(device, GB, key, deleted with the instance)`.
    pub disks: Vec<(String, i32, String, bool)>,
}

/// One instance, as far as we care.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Id.
    pub id: String,
    /// `pending`, `running`, ...
    pub state: String,
    /// Private address; empty while there is none.
    pub ip: String,
    /// Place in its RunInstances call.
    pub launch_index: usize,
    /// Tags.
    pub tags: Vec<(String, String)>,
    /// `(device, volume id)`.
    pub volumes: Vec<(String, String)>,
}

/// One volume, as far as we care.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// Id.
    pub id: String,
    /// `in-use`, `available`, ...
    pub state: String,
    /// Key that it is encrypted with, as an ARN.
    pub key: String,
    /// Tags.
    pub tags: Vec<(String, String)>,
}

/// Value of a tag.
pub(crate) fn tag<'a>(tags: &'a [(String, String)], key: &str) -> &'a str {
    tags.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str()).unwrap_or_default()
}

impl Instance {
    /// Value of a tag, empty if absent.
    pub fn tag(&self, key: &str) -> &str {
        tag(&self.tags, key)
    }
}

impl Volume {
    /// Value of a tag, empty if absent.
    pub fn tag(&self, key: &str) -> &str {
        tag(&self.tags, key)
    }
}

pub(crate) fn tags_of(tags: &[Tag]) -> Vec<(String, String)> {
    tags.iter().map(|t| (t.key().unwrap_or_default().to_string(), t.value().unwrap_or_default().to_string())).collect()
}

pub(crate) fn to_tags(tags: &[(String, String)]) -> Vec<Tag> {
    tags.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect()
}

pub(crate) fn to_filters(filters: Filters) -> Vec<Filter> {
    filters.into_iter().map(|(name, values)| Filter::builder().name(name).set_values(Some(values)).build()).collect()
}

/// Filters for everything of a network, or of one execution of it.
pub(crate) fn scope(network: &str, execution: Option<&str>) -> Filters {
    let mut filters = vec![(format!("tag:{}", ids::TAG_NETWORK), vec![network.to_string()])];
    if let Some(execution) = execution {
        filters.push((format!("tag:{}", ids::TAG_EXECUTION), vec![execution.to_string()]));
    }
    filters
}

/// What was to be taken away is not there: that is success.
pub(crate) fn gone(result: Result<(), Fault>) -> Result<(), Fault> {
    match result {
        Err(f) if f.class == domain::Class::NotFound => Ok(()),
        other => other,
    }
}

impl Clients {
    /// Zones of subnets.
    pub async fn subnets(&self, ids: Vec<String>) -> Result<Vec<Subnet>, Fault> {
        let out = self.ec2.describe_subnets().set_subnet_ids(Some(ids)).send().await.map_err(|e| fault("ec2", "DescribeSubnets", e))?;
        let subnet =
            |s: &aws_sdk_ec2::types::Subnet| Subnet { id: s.subnet_id().unwrap_or_default().into(), zone: s.availability_zone().unwrap_or_default().into() };
        Ok(out.subnets().iter().map(subnet).collect())
    }

    /// `(type, zone)` pairs that EC2 offers, of the given types and zones.
    pub async fn offerings(&self, types: Vec<String>, zones: Vec<String>) -> Result<Vec<(String, String)>, Fault> {
        let call = self.ec2.describe_instance_type_offerings().location_type(LocationType::AvailabilityZone);
        let filters = to_filters(vec![("instance-type".into(), types), ("location".into(), zones)]);
        let mut pages = call.set_filters(Some(filters)).into_paginator().items().send();
        let mut found = vec![];
        while let Some(offer) = pages.next().await {
            let offer = offer.map_err(|e| fault("ec2", "DescribeInstanceTypeOfferings", e))?;
            let kind = offer.instance_type().map(|t| t.as_str().to_string()).unwrap_or_default();
            found.push((kind, offer.location().unwrap_or_default().to_string()));
        }
        Ok(found)
    }

    /// Starts a batch: all machines or none. Its undo is [`Clients::terminate`] on what carries the same tags.
    pub async fn run_batch(&self, batch: RunBatch) -> Result<Vec<String>, Fault> {
        let spec = |kind: ResourceType| TagSpecification::builder().resource_type(kind).set_tags(Some(to_tags(&batch.tags))).build();
        let disk = |(device, gb, key, dies): &(String, i32, String, bool)| {
            let ebs = EbsBlockDevice::builder().volume_size(*gb).volume_type(VolumeType::Gp3).encrypted(true).delete_on_termination(*dies);
            let ebs = if key.is_empty() { ebs } else { ebs.kms_key_id(key) };
            BlockDeviceMapping::builder().device_name(device).ebs(ebs.build()).build()
        };
        let call = self.ec2.run_instances();
        let call = call.launch_template(LaunchTemplateSpecification::builder().launch_template_id(&batch.launch_template).version("$Latest").build());
        let call = call.instance_type(InstanceType::from(batch.instance_type.as_str())).subnet_id(&batch.subnet);
        let call = call.min_count(batch.count).max_count(batch.count).client_token(&batch.token);
        let call = call.tag_specifications(spec(ResourceType::Instance)).tag_specifications(spec(ResourceType::Volume));
        let call = call.set_block_device_mappings(Some(batch.disks.iter().map(disk).collect()));
        let out = call.send().await.map_err(|e| fault("ec2", "RunInstances", e))?;
        Ok(out.instances().iter().filter_map(|i| i.instance_id().map(String::from)).collect())
    }

    /// Instances of a network, or of one execution of it, in any state that EC2 still lists.
    pub async fn instances(&self, network: &str, execution: Option<&str>) -> Result<Vec<Instance>, Fault> {
        self.instances_with(scope(network, execution)).await
    }

    /// Instances of a member, in all networks.
    pub async fn instances_of(&self, member: &str) -> Result<Vec<Instance>, Fault> {
        self.instances_with(vec![(format!("tag:{}", ids::TAG_MEMBER), vec![member.to_string()])]).await
    }

    async fn instances_with(&self, filters: Filters) -> Result<Vec<Instance>, Fault> {
        let mut pages = self.ec2.describe_instances().set_filters(Some(to_filters(filters))).into_paginator().send();
        let mut found = vec![];
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| fault("ec2", "DescribeInstances", e))?;
            for i in page.reservations().iter().flat_map(|r| r.instances()) {
                let device = |m: &aws_sdk_ec2::types::InstanceBlockDeviceMapping| Some((m.device_name()?.to_string(), m.ebs()?.volume_id()?.to_string()));
                found.push(Instance {
                    id: i.instance_id().unwrap_or_default().into(),
                    state: i.state().and_then(|s| s.name()).map(|n| n.as_str().to_string()).unwrap_or_default(),
                    ip: i.private_ip_address().unwrap_or_default().into(),
                    launch_index: usize::try_from(i.ami_launch_index().unwrap_or_default()).unwrap_or_default(),
                    tags: tags_of(i.tags()),
                    volumes: i.block_device_mappings().iter().filter_map(device).collect(),
                });
            }
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    /// Volumes of a network, or of one execution of it.
    pub async fn volumes(&self, network: &str, execution: Option<&str>) -> Result<Vec<Volume>, Fault> {
        let mut pages = self.ec2.describe_volumes().set_filters(Some(to_filters(scope(network, execution)))).into_paginator().send();
        let mut found = vec![];
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| fault("ec2", "DescribeVolumes", e))?;
            found.extend(page.volumes().iter().map(|v| Volume {
                id: v.volume_id().unwrap_or_default().into(),
                state: v.state().map(|s| s.as_str().to_string()).unwrap_or_default(),
                key: v.kms_key_id().unwrap_or_default().into(),
                tags: tags_of(v.tags()),
            }));
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    /// Adds a tag to resources; safe to repeat. There is no undo: the tag goes with the resource.
    pub async fn add_tag(&self, resources: Vec<String>, key: &str, value: &str) -> Result<(), Fault> {
        let tags = Some(to_tags(&[(key.into(), value.into())]));
        let call = self.ec2.create_tags().set_resources(Some(resources)).set_tags(tags);
        call.send().await.map(drop).map_err(|e| fault("ec2", "CreateTags", e))
    }

    /// Terminates instances; idempotent by itself.
    pub async fn terminate(&self, ids: Vec<String>) -> Result<(), Fault> {
        let call = self.ec2.terminate_instances().set_instance_ids(Some(ids));
        call.send().await.map(drop).map_err(|e| fault("ec2", "TerminateInstances", e))
    }

    /// Deletes a volume; `NotFound` is success.
    pub async fn delete_volume(&self, id: &str) -> Result<(), Fault> {
        gone(self.ec2.delete_volume().volume_id(id).send().await.map(drop).map_err(|e| fault("ec2", "DeleteVolume", e)))
    }
}
