//! Owns the way to the server: where it is, how to connect, how its errors read.

use postgres::{Client, Config, NoTls};

// A lock that nobody should hold is a failure after a while, not a test without end.
// Plans that are bent cost beyond all measure, and would be compiled for seconds each; make test-plans compiles.
const QUIET: &str = "-c client_min_messages=error -c lock_timeout=20s -c statement_timeout=60s -c jit=off";

/// The server that the environment names (TALLY_SOCKET, TALLY_PORT).
#[derive(Clone)]
pub struct Server {
    socket: String,
    port: u16,
    /// Whom the hosted edition belongs to (TALLY_OWNER); none with the library.
    owner: Option<String>,
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
            owner: std::env::var("TALLY_OWNER").ok(),
        })
    }

    /// A session of who owns the definitions, quiet about notices, or why there is none. Nobody but a superuser opens one in the database postgres.
    pub fn try_connect(&self, database: &str) -> Result<Client, postgres::Error> {
        let user = self.owner.as_deref().filter(|_| database != "postgres");
        self.try_connect_as(user.unwrap_or("postgres"), database, QUIET)
    }

    /// A session that begins with a search_path: the hosted edition looks names up in that, and in no later one.
    pub fn connect_by_path(&self, database: &str, path: &str) -> Option<Client> {
        let owner = self.owner.as_deref()?;
        let options = format!("{QUIET} -c search_path={}", path.replace(' ', ""));
        self.try_connect_as(owner, database, &options).ok()
    }

    /// A new database with pg_tally.
    pub fn make_database(&self, database: &str) -> Result<(), postgres::Error> {
        let mut main = self.connect("postgres");
        if let Some(owner) = &self.owner {
            main.batch_execute(&format!("CREATE DATABASE {database} TEMPLATE tally_template_events"))?;
            return main.batch_execute(&format!(
                "GRANT CREATE, TEMPORARY ON DATABASE {database} TO {owner}; GRANT tally_scribe TO {owner}; \
                 GRANT SET ON PARAMETER session_replication_role, lc_messages TO {owner}, tally_scribe"
            ));
        }
        main.batch_execute(&format!("CREATE DATABASE {database} TEMPLATE template0"))?;
        self.connect(database).batch_execute("CREATE EXTENSION pg_tally")
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
