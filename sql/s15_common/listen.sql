-- Owns how a stage reaches what stands to its right without naming it. The stage announces what happens; a function to its right
-- listens by its name: _when_<event>_s<stage>. So no call goes against the arrow, and a new stage needs no change to its left.
--
--   event               id          detail              what a listener does
--   source_changes      none        number of the table definitions follow its renamed columns
--   objects_change      none        list of objects     definitions follow functions, operators and types: class, object, place; casts and text search
--   functions_go        none        none                definitions follow functions that are gone under the name that they had
--   objects_renamed     none        list of changes     definitions follow objects that were renamed or moved: class, object, kind, was, becomes, …
--   views_asked         none        none                returns the numbers of views that are made of people's texts
--   names_asked         none        none                returns objects that texts may mean of which no view is made, as JSON: class, object
--   asked_renamed       none        list of changes     such texts follow what was renamed or moved, columns too
--   definition_follows  rollup      changes,            texts that the rollup was made of follow as its own did
--                                   reach_moved
--   schema_renamed      none        was, becomes        definitions follow a schema that is renamed: search_path, names, texts
--   schedules_change    none        none                has the clock's jobs follow
--   definitions_asked   none        none                returns definitions as JSON: kind, name, owner, statement, stage (none: first)
--   health_asked        none        none                returns checks as JSON: check, status, value, unit, detail, hint
--   clock_starts        none        none                makes what the clock is to watch
--   clock_ticks         none        none                ends jobs that last too long
--   source_is_far       none        rollup, server,     returns the statement to use instead
--                                   source
--   copies_moved        none        number of the table returns a line where what the table copies lies elsewhere now
--   refresh_begins      none        list of rollups     brings their sources to what they copy
--   rollup_written      rollup      since, until, and   computes what stands on the rows that were just written
--                                   buckets, if chosen
--   rollup_hidden       rollup      metrics, rule, by,  returns the query that answers from what is published
--                                   where, first, last,
--                                   call, fill, whole
--   rollup_readable     rollup      none                grants it to whom its owner has let in
--   rollup_drops        rollup      none                drops what stands on the rollup
--   rollup_given        rollup      taker, giver        gives what belongs to the rollup to the same role
--   rollup_repaired     rollup      none                makes views that are gone anew
--   whole_asked         rollup      none                returns the statement that drops the definition that it is a part of
--   rollup_paired       rollup      none                returns the numbers of rollups that are one definition with it
--   columns_go          rollup      list of names       refuses where it uses one of the columns
--   columns_changed     rollup      none                refuses where its names and the new columns are at odds
--   dimensions_change   rollup      none                drops its views; returns the statements that grant on them again
--   dimensions_changed  rollup      none                makes its views anew
--   experiment_hidden   experiment  as_of, by           returns the query that answers from what is published
--   metric_drops        metric      none                refuses where it uses the metric
--   ratio_drops         ratio       none                refuses where it uses the ratio
--   probe_drops         probe       none                refuses where it uses the probe

CREATE OR REPLACE FUNCTION tally_internal._announce(event text, id int DEFAULT NULL, detail jsonb DEFAULT NULL) RETURNS SETOF text
-- Listeners look into tables with policies of pg_tally's own: they see what is the caller's, whatever row_security the session has.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = on AS $$
DECLARE
    listener name;
BEGIN
    -- The rightmost stage first, because it stands on the others.
    -- An index finds the names; a colon is what follows the digits.
    FOR listener IN SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'tally_internal'::regnamespace
                       AND p.proname >= format('_when_%s_s', event)::name AND p.proname < format('_when_%s_s:', event)::name
                       AND p.proname ~ format('^_when_%s_s[0-9]+$', event) ORDER BY p.proname DESC LOOP
        RETURN QUERY EXECUTE format('SELECT said FROM tally_internal.%I($1, $2) said', listener) USING id, detail;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._announce(text, int, jsonb) IS
'Calls all functions tally_internal._when_<event>_s<stage>(id, detail) with the caller''s rights, the rightmost stage first, and returns what they return. '
'sql/s15_common/listen.sql lists the events.';
