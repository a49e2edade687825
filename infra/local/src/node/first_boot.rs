//! What a machine's user data does at its first boot: it installs Docker and pulls the image.

use crate::cloud::Cloud;
use crate::latency::{DOCKER, PULL};
use crate::world::{Instance, World};
use base64::Engine;

/// The image that a launch template's user data (base64) pulls.
fn image(user_data: &str) -> Option<String> {
    let script = base64::engine::general_purpose::STANDARD.decode(user_data).ok()?;
    let script = String::from_utf8(script).ok()?;
    let command = script.lines().find_map(|line| line.trim().strip_prefix("docker pull --quiet '"))?;
    command.split_once('\'').map(|(image, _)| image.to_string())
}

/// Draws when this machine has Docker and the image. Both go on while the agent starts.
pub(crate) fn draw(cloud: &Cloud, world: &mut World, instance: &mut Instance, user_data: &str) {
    instance.docker_ms = instance.running_ms + cloud.lasts(world, &DOCKER, &instance.id);
    if let Some(image) = image(user_data) {
        instance.pulled.insert(image, instance.docker_ms + cloud.lasts(world, &PULL, &instance.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_is_read_from_the_script() {
        let encoded = |script: &str| base64::engine::general_purpose::STANDARD.encode(script);
        assert_eq!(image(&encoded("#!/bin/bash\ndocker pull --quiet 'a/b:v1' || true\n")), Some("a/b:v1".into()));
        assert_eq!(image(&encoded("#!/bin/bash\ndnf install -y docker\n")), None);
    }
}
