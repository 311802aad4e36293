//! Owns the way to the server: where it is, how to connect, how its errors read.

use postgres::{Client, Config, NoTls};

/// The server that the environment names (TALLY_SOCKET, TALLY_PORT).
pub struct Server {
    socket: String,
    port: u16,
}

impl Server {
    /// From the environment.
    pub fn from_environment() -> Result<Self, String> {
        let get = |name: &str| {
            std::env::var(name).map_err(|_| format!("{name} is not set: run this through scripts/test.sh"))
        };
        Ok(Server {
            socket: get("TALLY_SOCKET")?,
            port: get("TALLY_PORT")?.parse().map_err(|e| format!("TALLY_PORT: {e}"))?,
        })
    }

    /// A session as postgres, quiet about notices, or why there is none.
    pub fn try_connect(&self, database: &str) -> Result<Client, postgres::Error> {
        // A lock that nobody should hold is a failure after a while, not a test without end.
        // Plans that are bent cost beyond all measure, and would be compiled for seconds each; make test-plans compiles.
        let options = "-c client_min_messages=error -c lock_timeout=20s -c statement_timeout=60s -c jit=off";
        self.try_connect_as("postgres", database, options)
    }

    /// A session as anybody.
    pub fn try_connect_as(&self, user: &str, database: &str, options: &str) -> Result<Client, postgres::Error> {
        Config::new()
            .host(&self.socket)
            .port(self.port)
            .user(user)
            .dbname(database)
            .application_name("tally-proof")
            .options(options)
            .connect(NoTls)
    }

    /// A session, where the server is known to be up.
    pub fn connect(&self, database: &str) -> Client {
        self.try_connect(database)
            .unwrap_or_else(|e| panic!("no connection to {database} at {}: {}", self.socket, words_of(&e)))
    }
}

/// All that the server said about an error.
pub fn words_of(error: &postgres::Error) -> String {
    match error.as_db_error() {
        Some(e) => format!(
            "{}: {}{}{}",
            e.code().code(),
            e.message(),
            e.detail().map_or_else(String::new, |d| format!("\nDETAIL: {d}")),
            e.where_().map_or_else(String::new, |w| format!("\nCONTEXT: {w}"))
        ),
        None => error.to_string(),
    }
}
