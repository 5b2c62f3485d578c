//! Reads JSON lines, as nginx (`log_format ... escape=json`), Caddy, Traefik and
//! others write them.

use super::{
    fields::{Fields, TIME_NAMES},
    key::{KeyReader, KeySpec},
    read::{Read, Request, Unreadable},
    time::TimeReader,
    tree::{Tree, Value},
    walk::find,
};

/// The fields that servers put the address of the client in.
const IP_NAMES: [&str; 14] = [
    "remote_addr",
    "client_ip",
    "request.client_ip",
    "remote_ip",
    "request.remote_ip",
    "ip",
    "clientip",
    "client.ip",
    "ClientHost",
    "ClientAddr",
    "source.ip",
    "httpRequest.remoteIp",
    "remote_host",
    "remote",
];

/// The fields that servers put the path in, or the whole request.
const PATH_NAMES: [&str; 9] = [
    "path",
    "uri",
    "request_uri",
    "request.uri",
    "RequestPath",
    "url.path",
    "httpRequest.requestUrl",
    "url",
    "request",
];

/// Reads JSON lines.
#[derive(Debug)]
pub(crate) struct Json {
    keys: KeyReader,
    tree: Tree,
    times: TimeReader,
}

/// The values that a line is searched for.
const TIME: usize = 0;
const KEY: usize = 1;
const COST: usize = 2;

impl Json {
    pub(super) fn new(fields: &Fields) -> Self {
        let mut tree = Tree::default();
        match &fields.time {
            Some(name) => tree.add(TIME, &[name]),
            None => tree.add(TIME, &TIME_NAMES),
        }
        match &fields.key {
            KeySpec::Ip => tree.add(KEY, &IP_NAMES),
            KeySpec::Path => tree.add(KEY, &PATH_NAMES),
            KeySpec::Field(name) => tree.add(KEY, &[name]),
            KeySpec::Header(name) => tree.add(KEY, &header_names(name).each_ref().map(|it| &**it)),
        }
        tree.add(COST, &["cost"]);
        Self {
            keys: KeyReader::new(fields),
            tree,
            times: TimeReader::default(),
        }
    }

    /// Reads a line.
    pub(super) fn read<'a>(&mut self, line: &'a [u8]) -> Result<Read<'a>, Unreadable> {
        let takes_last = self.keys.spec().is_forwarded();
        let [time, key, cost] = find(&self.tree, takes_last, line).ok_or(Unreadable::Json)?;
        let time = time.ok_or(Unreadable::NoTime)?;
        let at = self.times.read(&time.text()).ok_or(Unreadable::Time)?;
        let cost = cost.map_or(Some(1), Value::whole).ok_or(Unreadable::Cost)?;
        let key = key.map(Value::text).map(|key| match self.keys.spec() {
            KeySpec::Path => target(key),
            _ => key,
        });
        Ok(match key.and_then(|key| self.keys.read(key)) {
            Some(key) => Read::Request(Request { at, key, cost }),
            None => Read::NoKey,
        })
    }
}

/// Returns where servers log the header of this name.
fn header_names(name: &str) -> [String; 5] {
    let underscored = name.replace('-', "_");
    [
        format!("http_{underscored}"),
        format!("request.headers.{name}"),
        format!("headers.{name}"),
        format!("request_{name}"),
        name.to_owned(),
    ]
}

/// Returns the target of a whole request such as `GET / HTTP/1.1`.
fn target(request: std::borrow::Cow<'_, [u8]>) -> std::borrow::Cow<'_, [u8]> {
    let mut words = request.split(|byte| *byte == b' ');
    match (words.next(), words.next(), words.next()) {
        (Some(_), Some(target), Some(_)) => target.to_vec().into(),
        _ => request,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str, line: &str) -> Result<Option<(u64, String, u32)>, Unreadable> {
        let mut json = Json::new(&Fields {
            key: key.parse().unwrap(),
            time: None,
            ipv6_prefix: 64,
        });
        Ok(match json.read(line.as_bytes())? {
            Read::Request(Request { at, key, cost }) => {
                Some((at, String::from_utf8(key.into_owned()).unwrap(), cost))
            }
            _ => None,
        })
    }

    fn key(key: &str, line: &str) -> Option<String> {
        read(key, line).unwrap().map(|(_, key, _)| key)
    }

    #[test]
    fn logs_of_nginx_caddy_and_traefik_are_read_without_settings() {
        let nginx = r#"{"time_iso8601":"2000-10-10T20:55:36+00:00","remote_addr":"192.0.2.7","request":"GET /a?b HTTP/1.1","http_user_agent":"x \"y\""}"#;
        let caddy = r#"{"level":"info","ts":971211336.25,"request":{"remote_ip":"192.0.2.7","uri":"/a?b","headers":{"User-Agent":["x \"y\"","z"]}},"status":200}"#;
        let traefik = r#"{"ClientAddr":"192.0.2.7:4711","ClientHost":"192.0.2.7","RequestPath":"/a?b","StartUTC":"2000-10-10T20:55:36.25Z","request_User-Agent":"x \"y\""}"#;
        for line in [nginx, caddy, traefik] {
            assert_eq!(key("ip", line).as_deref(), Some("192.0.2.7"), "{line}");
            assert_eq!(key("path", line).as_deref(), Some("/a"), "{line}");
            assert_eq!(
                key("header:User-Agent", line).as_deref(),
                Some("x \"y\""),
                "{line}"
            );
            assert_eq!(
                read("ip", line).unwrap().unwrap().0 / 1_000_000,
                971_211_336
            );
        }
    }

    /// A proxy may add a line of its own to those that the client sent.
    #[test]
    fn of_several_forwarded_lists_the_last_one_counts() {
        let line = r#"{"ts":5,"request":{"headers":{"X-Forwarded-For":["6.6.6.6","1.1.1.1, 192.0.2.7"]}}}"#;
        let forwarded = key("header:x-forwarded-for", line);
        assert_eq!(forwarded.as_deref(), Some("192.0.2.7"));
    }

    #[test]
    fn nested_and_flat_fields_are_found_by_a_dotted_name() {
        let nested = r#"{"time":5,"a":{"c":null,"b":"x"}}"#;
        let flat = r#"{"time":5,"a.b":"x"}"#;
        for line in [nested, flat] {
            assert_eq!(key("field:a.b", line).as_deref(), Some("x"), "{line}");
        }
        assert_eq!(key("field:a.c", nested), None);
        assert_eq!(key("field:a", nested), None);
    }

    #[test]
    fn keys_and_costs_may_be_numbers() {
        let line = r#"{"ts":1700000000.5,"user":42,"cost":3}"#;
        assert_eq!(
            read("field:user", line),
            Ok(Some((1_700_000_000_500_000, "42".into(), 3)))
        );
    }

    #[test]
    fn an_error_names_what_is_wrong() {
        assert_eq!(read("ip", "{"), Err(Unreadable::Json));
        assert_eq!(read("ip", "[]"), Err(Unreadable::Json));
        assert_eq!(read("ip", r#"{"time":5} x"#), Err(Unreadable::Json));
        assert_eq!(read("ip", r#"{"ip":"a"}"#), Err(Unreadable::NoTime));
        assert_eq!(
            read("ip", r#"{"ip":"a","time":true}"#),
            Err(Unreadable::Time)
        );
        assert_eq!(
            read("ip", r#"{"ip":"a","time":5,"cost":-1}"#),
            Err(Unreadable::Cost)
        );
    }
}
