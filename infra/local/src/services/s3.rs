//! S3: objects with conditional writes. Reads follow writes at once, as AWS promises since 2020.

use super::text;
use crate::cloud::{ApiError, Call, Cloud, Principal, Reply};
use crate::iam::Keys;
use crate::names;
use crate::world::{Object, World};
use serde_json::{Value, json};

/// Calls of S3.
pub(crate) fn call(cloud: &Cloud, call: &Call) -> Reply {
    let now = cloud.now_ms();
    let mut world = cloud.world();
    let p = &call.params;
    let (bucket, key) = (text(p, "Bucket"), text(p, "Key"));
    in_region(&world, bucket, &call.region)?;
    match call.action.as_str() {
        "GetObject" => {
            authorize(cloud, &world, &call.principal, "s3:GetObject", bucket, key)?;
            match world.buckets[bucket].objects.get(key) {
                Some(object) => Ok(json!({"Body": object.text, "ETag": object.etag})),
                None => {
                    // Whoever may not list is not told that there is nothing: S3 answers 403.
                    allow(cloud, &world, &call.principal, "s3:ListBucket", bucket, &bucket_arn(&world, bucket)?, &Keys::new())?;
                    Err(ApiError::new("NoSuchKey", 404, "The specified key does not exist."))
                }
            }
        }
        "PutObject" => {
            authorize_put(cloud, &world, &call.principal, bucket, key, text(p, "IfNoneMatch"))?;
            if !text(p, "IfMatch").is_empty() {
                // Since 2024 an If-Match write must also be allowed to read.
                authorize(cloud, &world, &call.principal, "s3:GetObject", bucket, key)?;
            }
            put(&mut world, bucket, key, text(p, "Body"), text(p, "IfNoneMatch"), text(p, "IfMatch"), now)
        }
        "ListObjectsV2" => {
            let prefix = text(p, "Prefix");
            let keys = Keys::from([("s3:prefix".to_string(), vec![prefix.to_string()])]);
            allow(cloud, &world, &call.principal, "s3:ListBucket", bucket, &bucket_arn(&world, bucket)?, &keys)?;
            let found: Vec<(&String, &Object)> = world.buckets[bucket].objects.iter().filter(|(k, _)| k.starts_with(prefix)).collect();
            let wrong = |e: ApiError| ApiError::new("InvalidArgument", 400, format!("The continuation token provided is incorrect: {}", e.message));
            let paging = json!({"NextToken": p.get("ContinuationToken"), "MaxResults": p.get("MaxKeys")});
            let (page, next) = names::page(&found, &paging, 1000).map_err(wrong)?;
            let encoding = p.get("EncodingType").and_then(Value::as_str);
            let shown = |key: &str| if encoding == Some("url") { url_encoded(key) } else { key.to_string() };
            let item = |(k, o): &(&String, &Object)| json!({"Key": shown(k), "LastModified": names::time(o.written_ms), "ETag": o.etag, "Size": o.text.len(), "StorageClass": "STANDARD"});
            let contents: Vec<Value> = page.iter().map(item).collect();
            let most = text(p, "MaxKeys").parse().unwrap_or(1000u64);
            Ok(json!({"Prefix": shown(prefix), "KeyCount": contents.len(), "MaxKeys": most, "IsTruncated": !next.is_null(), "EncodingType": encoding,
                "NextContinuationToken": next, "Contents": contents}))
        }
        "DeleteObjects" => {
            let keys = super::texts(p.get("Keys"));
            for key in &keys {
                authorize(cloud, &world, &call.principal, "s3:DeleteObject", bucket, key)?;
            }
            if let Some(found) = world.buckets.get_mut(bucket) {
                keys.iter().for_each(|k| drop(found.objects.remove(k)));
            }
            // A quiet answer names only what could not be deleted.
            let deleted: Vec<Value> = keys.iter().filter(|_| p["Quiet"] != json!(true)).map(|k| json!({"Key": k})).collect();
            Ok(json!({"Deleted": deleted}))
        }
        "PutBucketPolicy" => {
            allow(cloud, &world, &call.principal, "s3:PutBucketPolicy", bucket, &bucket_arn(&world, bucket)?, &Keys::new())?;
            let policy: Option<Value> = serde_json::from_str(text(p, "Policy")).ok().filter(|v: &Value| v.get("Statement").is_some());
            let policy = policy.ok_or_else(|| ApiError::new("MalformedPolicy", 400, "Policies must be valid JSON and have a Statement"))?;
            if let Some(found) = world.buckets.get_mut(bucket) {
                found.policy = policy;
            }
            Ok(json!({}))
        }
        "GetBucketPolicy" => {
            allow(cloud, &world, &call.principal, "s3:GetBucketPolicy", bucket, &bucket_arn(&world, bucket)?, &Keys::new())?;
            match &world.buckets[bucket].policy {
                Value::Null => Err(ApiError::new("NoSuchBucketPolicy", 404, "The bucket policy does not exist")),
                policy => Ok(json!({"Policy": policy.to_string()})),
            }
        }
        other => Err(ApiError::new("NotImplemented", 501, other.to_string())),
    }
}

/// A key as `encoding-type=url` shows it; slashes stay.
fn url_encoded(key: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
    percent_encoding::utf8_percent_encode(key, KEPT).to_string()
}

/// A bucket answers in its own region only; elsewhere S3 says where.
fn in_region(world: &World, bucket: &str, region: &str) -> Result<(), ApiError> {
    match world.buckets.get(bucket) {
        Some(found) if found.region != region => {
            let why = format!("The bucket you are attempting to access must be addressed using the specified endpoint: {}", found.region);
            Err(ApiError::new("PermanentRedirect", 301, why))
        }
        _ => Ok(()),
    }
}

fn bucket_arn(world: &World, bucket: &str) -> Result<String, ApiError> {
    let found = world.buckets.get(bucket).ok_or_else(|| ApiError::new("NoSuchBucket", 404, "The specified bucket does not exist"))?;
    Ok(format!("arn:{}:s3:::{bucket}", names::partition(&found.region)))
}

fn authorize(cloud: &Cloud, world: &World, who: &Principal, action: &str, bucket: &str, key: &str) -> Result<(), ApiError> {
    let arn = format!("{}/{key}", bucket_arn(world, bucket)?);
    allow(cloud, world, who, action, bucket, &arn, &Keys::new())
}

/// A write shows its condition to the policies.
fn authorize_put(cloud: &Cloud, world: &World, who: &Principal, bucket: &str, key: &str, if_none_match: &str) -> Result<(), ApiError> {
    let arn = format!("{}/{key}", bucket_arn(world, bucket)?);
    let keys = if if_none_match.is_empty() { Keys::new() } else { Keys::from([("s3:if-none-match".to_string(), vec![if_none_match.to_string()])]) };
    allow(cloud, world, who, "s3:PutObject", bucket, &arn, &keys)
}

fn allow(cloud: &Cloud, world: &World, who: &Principal, action: &str, bucket: &str, arn: &str, keys: &Keys) -> Result<(), ApiError> {
    let found = &world.buckets[bucket];
    cloud.authorize(world, who, action, arn, &found.account, Some(&found.policy), keys)
}

fn put(world: &mut World, bucket: &str, key: &str, body: &str, none: &str, matching: &str, now: u64) -> Reply {
    let objects = &mut world.buckets.entry(bucket.into()).or_default().objects;
    let failed = || ApiError::new("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold");
    match objects.get(key) {
        Some(_) if none == "*" => return Err(failed()),
        Some(found) if !matching.is_empty() && found.etag != matching => return Err(failed()),
        None if !matching.is_empty() => return Err(ApiError::new("NoSuchKey", 404, "The specified key does not exist.")),
        _ => {}
    }
    let etag = format!("\"{}\"", &domain::ids::sha256_hex(body.as_bytes())[..32]);
    objects.insert(key.into(), Object { text: body.into(), etag: etag.clone(), written_ms: now });
    Ok(json!({"ETag": etag}))
}

impl Cloud {
    /// A node's own access to objects, by its instance role.
    pub(crate) fn node_get(&self, role: &str, bucket: &str, region: &str, key: &str) -> Result<Option<String>, ApiError> {
        let world = self.world();
        in_region(&world, bucket, region)?;
        authorize(self, &world, &crate::wire::role_principal(role), "s3:GetObject", bucket, key)?;
        Ok(world.buckets[bucket].objects.get(key).map(|o| o.text.clone()))
    }

    /// A node's conditional write; `false` if the object is there.
    pub(crate) fn node_put(&self, role: &str, bucket: &str, region: &str, key: &str, body: &str) -> Result<bool, ApiError> {
        let now = self.now_ms();
        let mut world = self.world();
        in_region(&world, bucket, region)?;
        authorize_put(self, &world, &crate::wire::role_principal(role), bucket, key, "*")?;
        match put(&mut world, bucket, key, body, "*", "", now) {
            Ok(_) => Ok(true),
            Err(e) if e.code == "PreconditionFailed" => Ok(false),
            Err(e) => Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;
    use serde_json::json;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_policy_lets_another_account_into_its_own_part() {
        let cloud = cloud();
        cloud.make_bucket(EAST.0, EAST.1, "hub");
        let (owner, member) = (Caller::new(&cloud, EAST.0, EAST.1), Caller::new(&cloud, WEST.0, EAST.1));
        assert_eq!(code_of(&owner.s3("GET", "/hub?policy", "").await), (404, "NoSuchBucketPolicy"));
        assert_eq!(code_of(&owner.s3("PUT", "/hub?policy", "{").await), (400, "MalformedPolicy"));
        let resource = "arn:aws:s3:::hub/${aws:PrincipalAccount}/*";
        let policy = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": [format!("arn:aws:iam::{}:root", WEST.0)]},
            "Action": "s3:PutObject", "Resource": resource}]});
        assert_eq!(code_of(&member.s3("PUT", "/hub?policy", &policy.to_string()).await), (403, "AccessDenied"));
        assert_eq!(owner.s3("PUT", "/hub?policy", &policy.to_string()).await, (204, String::new()));
        assert_eq!(owner.s3("GET", "/hub?policy", "").await, (200, policy.to_string()));
        assert_eq!(member.s3("PUT", "/hub/444455556666/a", "x").await.0, 200);
        assert_eq!(code_of(&member.s3("PUT", "/hub/111122223333/a", "x").await), (403, "AccessDenied"));
        let far = Caller::new(&cloud, EAST.0, "eu-west-1");
        assert_eq!(code_of(&far.s3("GET", "/hub/444455556666/a", "").await), (301, "PermanentRedirect"));
    }
}
