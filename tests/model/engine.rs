//! Runs the scripts of the crate in an embedded Lua, as a server would.

use std::{cell::RefCell, rc::Rc};

use mlua::{Function, Lua, MultiValue, Table, Value};
use sluicegate::clock::Tick;

use crate::{
    server::{Answer, Server},
    store::Store,
};

/// The number of every call; see `lua/numbered.lua`.
const NUMBER: i64 = 7;

/// A Lua state with scripts, and the server that they see.
pub(crate) struct Engine {
    lua: Lua,
    scripts: Vec<Function>,
    server: Rc<RefCell<Server>>,
}

/// The reply of a script: integers.
pub(crate) type Reply = Vec<i64>;

impl Engine {
    /// Scripts by their sources, which [`source`] takes from calls.
    pub(crate) fn new(sources: &[String]) -> Self {
        let lua = Lua::new();
        let server = Rc::<RefCell<Server>>::default();
        let redis = lua.create_table().unwrap();
        for (name, tries) in [("call", false), ("pcall", true)] {
            let server = server.clone();
            let call = lua
                .create_function(move |lua, args| {
                    command(lua, &mut server.borrow_mut(), &args, tries)
                })
                .unwrap();
            redis.set(name, call).unwrap();
        }
        redis.set("REDIS_VERSION_NUM", 0x0007_0000).unwrap();
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
        let reply: Value = self.scripts[script].call(()).map_err(|it| it.to_string())?;
        let reply = match reply {
            Value::Table(reply) => reply,
            short => {
                // The instant and the number, as they are written.
                let short = short.to_string().unwrap();
                let numbers = short.split(' ').map(|it| it.parse::<i64>().unwrap());
                self.lua.create_sequence_from(numbers).unwrap()
            }
        };
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

/// Runs a command for a script. Its errors end the script, or are returned as
/// tables if it `tries`.
fn command(lua: &Lua, server: &mut Server, args: &MultiValue, tries: bool) -> mlua::Result<Value> {
    let text = |value: &Value| value.to_string().unwrap().into_bytes();
    let args: Vec<Vec<u8>> = args.iter().map(text).collect();
    let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
    match server.run(&args) {
        Ok(answer) => value(lua, answer),
        Err(refused) => match refused.error() {
            Some(error) if tries => table(lua, "err", error),
            Some(error) => Err(mlua::Error::runtime(error)),
            None => {
                let shown: Vec<_> = args.iter().map(|it| String::from_utf8_lossy(it)).collect();
                let command = shown.join(" ");
                Err(mlua::Error::runtime(format!("unexpected `{command}`")))
            }
        },
    }
}

/// Converts an answer as Redis does: nothing is false.
fn value(lua: &Lua, answer: Answer) -> mlua::Result<Value> {
    Ok(match answer {
        Answer::Nil => Value::Boolean(false),
        Answer::Whole(number) => Value::Integer(number),
        Answer::Text(text) => Value::String(lua.create_string(text)?),
        Answer::Status(status) => return table(lua, "ok", status),
        Answer::List(list) => {
            let list: Result<Vec<_>, _> = list.into_iter().map(|it| value(lua, it)).collect();
            Value::Table(lua.create_sequence_from(list?)?)
        }
    })
}

fn table(lua: &Lua, key: &str, text: &str) -> mlua::Result<Value> {
    Ok(Value::Table(lua.create_table_from([(key, text)])?))
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

/// As `src/redis/script.rs` does it, also for a script with a shortcut.
pub(crate) fn numbered(bare: &str) -> String {
    let (number, around) = (
        include_str!("../../lua/number.lua"),
        include_str!("../../lua/numbered.lua"),
    );
    let answer = include_str!("../../lua/answer.lua");
    let bare = bare.strip_prefix("local number\n").unwrap_or(bare);
    let shortcut = bare.find(answer).map_or(0, |at| at + answer.len());
    let (shortcut, source) = bare.split_at(shortcut);
    format!("{number}{shortcut}local function script()\n{source}\nend\n{around}")
}

fn args(call: &redis::Cmd) -> impl Iterator<Item = &[u8]> {
    call.args_iter().filter_map(|arg| match arg {
        redis::Arg::Simple(arg) => Some(arg),
        _ => None,
    })
}
