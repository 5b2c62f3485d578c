//! Runs the scripts of the crate in an embedded Lua, as a server would.

use std::{cell::RefCell, rc::Rc};

use mlua::{Function, Lua, MultiValue, Table, Value};
use sluicegate::clock::Tick;

use crate::store::Store;

/// The number of every call; see `lua/numbered.lua`.
const NUMBER: i64 = 7;

/// A Lua state with scripts, and the server that they see.
pub(crate) struct Engine {
    lua: Lua,
    scripts: Vec<Function>,
    server: Rc<RefCell<Server>>,
}

#[derive(Default)]
struct Server {
    now: Tick,
    store: Store,
}

/// The reply of a script: integers.
pub(crate) type Reply = Vec<i64>;

impl Engine {
    /// Scripts by their sources, which [`source`] takes from calls.
    pub(crate) fn new(sources: &[String]) -> Self {
        let lua = Lua::new();
        let server = Rc::<RefCell<Server>>::default();
        let redis = lua.create_table().unwrap();
        for name in ["call", "pcall"] {
            let server = server.clone();
            let call = lua
                .create_function(move |lua, args| server.borrow_mut().command(lua, &args))
                .unwrap();
            redis.set(name, call).unwrap();
        }
        lua.globals().set("redis", redis).unwrap();
        let load = |source: &String| lua.load(source).into_function().unwrap();
        let scripts = sources.iter().map(load).collect();
        // Redis refuses globals, too.
        lua.load(
            "setmetatable(_G, { __newindex = function(_, name) error('global ' .. name) end })",
        )
        .exec()
        .unwrap();
        Self {
            lua,
            scripts,
            server,
        }
    }

    /// Runs a script at an instant: what it leaves, and what it answers; or why it
    /// failed.
    pub(crate) fn run(
        &self,
        script: usize,
        call: &Call,
        store: &Store,
        now: Tick,
    ) -> Result<(Store, Reply), String> {
        *self.server.borrow_mut() = Server {
            now,
            store: store.clone(),
        };
        let list = |list: &[Vec<u8>]| {
            let strings = list.iter().map(|it| self.lua.create_string(it).unwrap());
            self.lua.create_sequence_from(strings).unwrap()
        };
        let argv = list(&call.args);
        argv.push(NUMBER.to_string()).unwrap();
        let globals = self.lua.globals();
        globals.raw_set("KEYS", list(&call.keys)).unwrap();
        globals.raw_set("ARGV", argv).unwrap();
        let reply: Table = self.scripts[script].call(()).map_err(|it| it.to_string())?;
        if let Ok(error) = reply.get::<Table>(1) {
            return Err(error.get("err").unwrap());
        }
        // Redis cuts what is behind the point.
        let numbers = reply.sequence_values::<f64>();
        let mut reply: Reply = numbers.map(|it| it.unwrap() as i64).collect();
        assert_eq!(reply.pop(), Some(NUMBER));
        Ok((std::mem::take(&mut self.server.borrow_mut().store), reply))
    }
}

impl Server {
    fn command(&mut self, lua: &Lua, args: &MultiValue) -> mlua::Result<Value> {
        let text = |value: &Value| value.to_string().unwrap().into_bytes();
        let args: Vec<Vec<u8>> = args.iter().map(text).collect();
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let string = |bytes: &[u8]| Ok(Value::String(lua.create_string(bytes)?));
        match args[..] {
            [b"TIME"] => {
                let (seconds, micros) = (self.now / 1_000_000, self.now % 1_000_000);
                let time = [seconds.to_string(), micros.to_string()];
                Ok(Value::Table(lua.create_sequence_from(time)?))
            }
            [b"GET", key] => match self.store.get(key) {
                Some(value) => string(value),
                None => Ok(Value::Boolean(false)),
            },
            [b"SET", key, value, b"PX", life] => {
                let life: Tick = String::from_utf8_lossy(life).parse().unwrap();
                assert!(life > 0, "an expiry of nothing");
                self.store.set(key, value, self.now + life * 1_000);
                string(b"OK")
            }
            [b"EXISTS", key] => Ok(Value::Integer(i64::from(self.store.get(key).is_some()))),
            [b"DEL", key] => Ok(Value::Integer(i64::from(self.store.remove(key)))),
            _ => {
                let shown: Vec<_> = args.iter().map(|it| String::from_utf8_lossy(it)).collect();
                let command = shown.join(" ");
                Err(mlua::Error::runtime(format!("unexpected `{command}`")))
            }
        }
    }
}

/// The keys and arguments of a call.
pub(crate) struct Call {
    pub(crate) keys: Vec<Vec<u8>>,
    pub(crate) args: Vec<Vec<u8>>,
}

impl Call {
    pub(crate) fn of(call: &redis::Cmd) -> Self {
        let mut args = args(call).skip(2);
        let keys = String::from_utf8_lossy(args.next().unwrap())
            .parse()
            .unwrap();
        let mut rest: Vec<_> = args.map(<[u8]>::to_vec).collect();
        let args = rest.split_off(keys);
        Self { keys: rest, args }
    }
}

/// The source that the crate sends for a call, of which `bare` is the script
/// without what numbers its answers.
pub(crate) fn source(call: &redis::Cmd, bare: &redis::Cmd) -> String {
    let bare = String::from_utf8(args(bare).nth(1).unwrap().to_vec()).unwrap();
    let source = numbered(&bare);
    let digest = redis::Script::new(&source).get_hash().to_owned();
    let called = args(call).nth(1).unwrap();
    assert_eq!(digest.as_bytes(), called, "the crate sends another script");
    source
}

fn numbered(bare: &str) -> String {
    let around = include_str!("../../lua/numbered.lua");
    format!("local function script()\n{bare}\nend\n{around}")
}

fn args(call: &redis::Cmd) -> impl Iterator<Item = &[u8]> {
    call.args_iter().filter_map(|arg| match arg {
        redis::Arg::Simple(arg) => Some(arg),
        _ => None,
    })
}
