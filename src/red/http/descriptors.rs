//! Methods, as `protoc` describes them: the parts of `FileDescriptorSet` that
//! name them (google/protobuf/descriptor.proto).

use std::{error::Error, fmt};

use prost::Message;

use super::methods::Methods;

#[derive(Clone, PartialEq, Message)]
struct FileDescriptorSet {
    #[prost(message, repeated, tag = "1")]
    file: Vec<FileDescriptor>,
}

#[derive(Clone, PartialEq, Message)]
struct FileDescriptor {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "6")]
    service: Vec<ServiceDescriptor>,
}

#[derive(Clone, PartialEq, Message)]
struct ServiceDescriptor {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    method: Vec<MethodDescriptor>,
}

#[derive(Clone, PartialEq, Message)]
struct MethodDescriptor {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bool, tag = "5")]
    client_streaming: bool,
    #[prost(bool, tag = "6")]
    server_streaming: bool,
}

/// What was given as a set of file descriptors is none.
#[derive(Debug)]
pub struct DescriptorError(prost::DecodeError);

impl fmt::Display for DescriptorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid set of file descriptors: must be what protoc writes")
    }
}

impl Error for DescriptorError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

impl Methods {
    /// All methods of a `FileDescriptorSet`, as tonic's build script writes it for
    /// reflection (`file_descriptor_set_path`), and which of them stream.
    ///
    /// ```
    /// use sluicegate::red::Methods;
    ///
    /// let methods = Methods::new().described(tonic_health::pb::FILE_DESCRIPTOR_SET)?;
    /// # let _ = methods;
    /// # Ok::<(), sluicegate::red::DescriptorError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When these bytes are something else.
    pub fn described(mut self, descriptors: &[u8]) -> Result<Self, DescriptorError> {
        let set = FileDescriptorSet::decode(descriptors).map_err(DescriptorError)?;
        for file in set.file {
            for service in &file.service {
                self.add(&file.package, service);
            }
        }
        Ok(self)
    }

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
        assert!(error.to_string().contains("what protoc writes"));
    }
}
