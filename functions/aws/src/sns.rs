//! SNS: a message to whoever is on call.

use crate::Clients;
use crate::classify::fault;
use domain::Fault;

impl Clients {
    /// Publishes a message. There is no undo; saying it twice is harmless.
    pub async fn publish(&self, topic: &str, subject: &str, message: &str) -> Result<(), Fault> {
        // A subject may have 100 characters.
        let subject: String = subject.chars().take(100).collect();
        let call = self.sns.publish().topic_arn(topic).subject(subject).message(message);
        call.send().await.map(drop).map_err(|e| fault("sns", "Publish", e))
    }
}
