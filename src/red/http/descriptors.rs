//! Reads gRPC methods from what `protoc` describes: the parts of a
//! `FileDescriptorSet` that name them (google/protobuf/descriptor.proto).

use prost::Message;

use crate::{InvalidSetting, red::Methods};

/// The set; all fields but the needed ones are skipped by the decoder.
#[derive(Clone, PartialEq, Message)]
struct FileDescriptorSet {
    #[prost(message, repeated, tag = "1")]
    file: Vec<FileDescriptor>,
}

/// A `.proto` file.
#[derive(Clone, PartialEq, Message)]
struct FileDescriptor {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "6")]
    service: Vec<ServiceDescriptor>,
}

/// A service of a file.
#[derive(Clone, PartialEq, Message)]
struct ServiceDescriptor {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    method: Vec<MethodDescriptor>,
}

/// A method of a service.
#[derive(Clone, PartialEq, Message)]
struct MethodDescriptor {
    #[prost(string, tag = "1")]
    name: String,
    /// Whether the client sends a stream.
    #[prost(bool, tag = "5")]
    client_streaming: bool,
    /// Whether the server answers with a stream.
    #[prost(bool, tag = "6")]
    server_streaming: bool,
}

impl Methods {
    /// Adds all methods of a `FileDescriptorSet`, and which of them stream.
    /// Tonic's build script writes such a set for reflection
    /// (`file_descriptor_set_path`).
    ///
    /// ```
    /// use sluicegate::red::Methods;
    ///
    /// let methods = Methods::new().described(tonic_health::pb::FILE_DESCRIPTOR_SET)?;
    /// # let _ = methods;
    /// # Ok::<(), sluicegate::InvalidSetting>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes are not a `FileDescriptorSet`.
    pub fn described(mut self, descriptors: &[u8]) -> Result<Self, InvalidSetting> {
        let set = FileDescriptorSet::decode(descriptors).map_err(|error| {
            InvalidSetting::new("file descriptors", error, "what protoc writes")
        })?;
        for file in set.file {
            for service in &file.service {
                self.add(&file.package, service);
            }
        }
        Ok(self)
    }

    /// Adds the methods of one service.
    fn add(&mut self, package: &str, service: &ServiceDescriptor) {
        let dot = if package.is_empty() { "" } else { "." };
        for method in &service.method {
            let name = format!("{package}{dot}{}/{}", service.name, method.name);
            let streams = method.client_streaming || method.server_streaming;
            self.streams.insert(name.into(), streams);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_build_script_writes() {
        let methods = Methods::new().described(tonic_health::pb::FILE_DESCRIPTOR_SET);
        let methods = methods.unwrap();
        let streams = |name| methods.streams(name);
        assert_eq!(streams("grpc.health.v1.Health/Check"), Some(false));
        assert_eq!(streams("grpc.health.v1.Health/Watch"), Some(true));
        assert_eq!(methods.names().count(), 2);
    }

    #[test]
    fn refuses_anything_else() {
        let error = Methods::new().described(b"no descriptors").unwrap_err();
        assert_eq!(error.field(), "file descriptors");
        assert!(error.to_string().contains("what protoc writes"));
    }
}
