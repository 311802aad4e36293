//! Owns what the attacker knows of the database: functions that he may call, tables, and names of definitions.

use crate::server::words_of;
use postgres::Client;

/// A function that PUBLIC may execute.
pub(super) struct Function {
    /// Schema and name, quoted.
    pub(super) name: String,
    /// Its name and types, for the report.
    pub(super) signature: String,
    /// As in pg_proc: f, p, a, w.
    pub(super) kind: String,
    pub(super) arguments: Vec<Argument>,
    /// So many of the last arguments may be left out.
    pub(super) defaults: usize,
    pub(super) variadic: bool,
}

/// An argument of a function; the name is empty where it has none.
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) type_name: String,
    /// As in pg_type: c is a row of a table, p a pseudo-type.
    pub(super) type_kind: String,
    /// Type of an array's elements, or nothing.
    pub(super) element: Option<String>,
}

/// What the attacker knows.
pub(super) struct World {
    pub(super) functions: Vec<Function>,
    /// Tables, views and sequences of others: OID, qualified name, kind.
    pub(super) relations: Vec<(u32, String, String)>,
    /// Names of definitions of any kind and owner.
    pub(super) names: Vec<String>,
}

impl World {
    /// Looked up by a superuser, so that it holds more than the attacker could see.
    pub(super) fn of(client: &mut Client) -> Result<Self, String> {
        let rows = client.query(
            "SELECT p.oid::text, format('%I.%I', p.pronamespace::regnamespace, p.proname) AS name, p.oid::regprocedure::text AS signature, \
            p.prokind::text AS kind, \
                    p.pronargdefaults::int AS defaults, p.provariadic <> 0 AS variadic, \
                    ARRAY(SELECT COALESCE(p.proargnames[a.n], '') FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a(type, n) ORDER BY a.n) AS names, \
                    ARRAY(SELECT format_type(a.type, NULL) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a(type, n) ORDER BY a.n) AS types, \
                    ARRAY(SELECT t.typtype::text FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a(type, n) \
                    JOIN pg_type t ON t.oid = a.type ORDER BY a.n) AS kinds, \
                    ARRAY(SELECT CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN format_type(t.typelem, NULL) END \
                            FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a(type, n) JOIN pg_type t ON t.oid = a.type ORDER BY a.n) AS elements \
               FROM pg_proc p WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) \
               AND has_function_privilege('tally_attacker', p.oid, 'EXECUTE') \
                AND NOT 'internal'::regtype = ANY (p.proargtypes) AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) ORDER BY p.oid",
            &[],
        );
        let functions = rows
            .map_err(|e| words_of(&e))?
            .iter()
            .map(|row| {
                let (names, types): (Vec<String>, Vec<String>) = (row.get("names"), row.get("types"));
                let (kinds, elements): (Vec<String>, Vec<Option<String>>) = (row.get("kinds"), row.get("elements"));
                let arguments = (names.into_iter().zip(types)).zip(kinds.into_iter().zip(elements));
                Function {
                    name: row.get("name"),
                    signature: row.get("signature"),
                    kind: row.get("kind"),
                    defaults: row.get::<_, i32>("defaults") as usize,
                    variadic: row.get("variadic"),
                    arguments: arguments
                        .map(|((name, type_name), (type_kind, element))| Argument {
                            name,
                            type_name,
                            type_kind,
                            element,
                        })
                        .collect(),
                }
            })
            .collect();
        let mut world = World {
            functions,
            relations: Vec::new(),
            names: Vec::new(),
        };
        world.look_again(client)?;
        Ok(world)
    }

    /// Tables and definitions come and go.
    pub(super) fn look_again(&mut self, client: &mut Client) -> Result<(), String> {
        let relations = client.query(
            "SELECT c.oid, c.oid::regclass::text, c.relkind::text FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'S') \
                AND (c.relnamespace::regnamespace::text IN ('tally', 'app', 'root', 'public') OR c.relname IN ('pg_authid', 'pg_class', \
                'pg_proc')) ORDER BY c.oid",
            &[],
        );
        self.relations = (relations.map_err(|e| words_of(&e))?.iter())
            .map(|r| (r.get(0), r.get(1), r.get(2)))
            .collect();
        let names = client.query(
            "SELECT name FROM (SELECT name FROM tally.rollups UNION SELECT name FROM tally.metrics UNION SELECT name FROM tally.thresholds \
            UNION SELECT name FROM tally.probes \
                UNION SELECT name FROM tally.channels UNION SELECT name FROM tally.tasks UNION SELECT name FROM tally.boards UNION SELECT name \
                FROM tally.releases \
                UNION SELECT name FROM tally.behaviours UNION SELECT name FROM tally.experiments UNION SELECT name FROM tally.inhibitions) x ORDER BY name",
            &[],
        );
        self.names = (names.map_err(|e| words_of(&e))?.iter()).map(|r| r.get(0)).collect();
        Ok(())
    }
}
