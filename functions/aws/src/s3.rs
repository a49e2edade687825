//! S3: objects with conditions, the only store the hub and the members have.

use crate::Clients;
use crate::classify::fault;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use domain::{Class, Fault};

/// An object as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Content.
    pub bytes: Vec<u8>,
    /// Its ETag, for a conditional write.
    pub etag: String,
}

impl Clients {
    /// Reads an object; `None` if there is none.
    pub async fn get_object(&self, bucket: &str, key: &str) -> Result<Option<Object>, Fault> {
        let out = match self.s3.get_object().bucket(bucket).key(key).send().await.map_err(|e| fault("s3", "GetObject", e)) {
            Err(f) if f.class == Class::NotFound => return Ok(None),
            other => other?,
        };
        let etag = out.e_tag().unwrap_or_default().to_string();
        let bytes = out.body.collect().await.map_err(|e| Fault::new(Class::Transient, format!("s3:GetObject: {key} stopped half-way: {e}")))?;
        Ok(Some(Object { bytes: bytes.to_vec(), etag }))
    }

    /// Writes an object that must not exist yet. `false` if it does: read it and see whose it is.
    pub async fn put_new(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<bool, Fault> {
        let call = self.s3.put_object().bucket(bucket).key(key).if_none_match("*").body(ByteStream::from(bytes));
        conditional(call.send().await.map_err(|e| fault("s3", "PutObject", e)))
    }

    /// Replaces an object that must still be as read. `false` if somebody changed it.
    pub async fn put_over(&self, bucket: &str, key: &str, etag: &str, bytes: Vec<u8>) -> Result<bool, Fault> {
        let call = self.s3.put_object().bucket(bucket).key(key).if_match(etag).body(ByteStream::from(bytes));
        conditional(call.send().await.map_err(|e| fault("s3", "PutObject", e)))
    }

    /// Sets a bucket's whole policy; saying the same twice is the same.
    pub async fn put_bucket_policy(&self, bucket: &str, policy: &serde_json::Value) -> Result<(), Fault> {
        let call = self.s3.put_bucket_policy().bucket(bucket).policy(policy.to_string());
        call.send().await.map(drop).map_err(|e| fault("s3", "PutBucketPolicy", e))
    }

    /// Keys under a prefix, in order.
    pub async fn list_objects(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, Fault> {
        let mut pages = self.s3.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
        let mut keys = vec![];
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| fault("s3", "ListObjectsV2", e))?;
            keys.extend(page.contents().iter().filter_map(|o| o.key().map(String::from)));
        }
        Ok(keys)
    }

    /// Deletes objects, 1,000 a call; one that is gone is success.
    pub async fn delete_objects(&self, bucket: &str, keys: &[String]) -> Result<(), Fault> {
        for part in keys.chunks(1000) {
            let ids = part.iter().map(|k| ObjectIdentifier::builder().key(k).build()).collect::<Result<Vec<_>, _>>();
            let ids = ids.map_err(|e| Fault::internal(e.to_string()))?;
            let delete = Delete::builder().set_objects(Some(ids)).quiet(true).build().map_err(|e| Fault::internal(e.to_string()))?;
            let out = self.s3.delete_objects().bucket(bucket).delete(delete).send().await.map_err(|e| fault("s3", "DeleteObjects", e))?;
            if let Some(bad) = out.errors().first() {
                let text = format!("s3:DeleteObjects: {}: {}", bad.key().unwrap_or_default(), bad.code().unwrap_or_default());
                return Err(Fault::new(crate::classify::class_of("s3", bad.code().unwrap_or_default(), 200), text));
            }
        }
        Ok(())
    }
}

fn conditional<T>(result: Result<T, Fault>) -> Result<bool, Fault> {
    match result {
        Ok(_) => Ok(true),
        Err(f) if f.class == Class::Conflict => Ok(false),
        Err(f) => Err(f),
    }
}
