-- Owns: what becomes of a saved view of the pack that is public: it is a saved view of the board, which pages open by its name.

-- step: function awf_dashboard_view_kept()
CREATE OR REPLACE FUNCTION awf_dashboard_view_kept() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was     text := CASE WHEN TG_OP <> 'INSERT' AND OLD.is_public THEN format('%I.%I', TG_TABLE_SCHEMA, 'awf_' || OLD.dashboard_type) END;
    becomes text := CASE WHEN TG_OP <> 'DELETE' AND NEW.is_public THEN format('%I.%I', TG_TABLE_SCHEMA, 'awf_' || NEW.dashboard_type) END;
BEGIN
    IF was IS NOT NULL AND (becomes IS NULL OR (was, OLD.name) <> (becomes, NEW.name))
       AND EXISTS (SELECT FROM tally.board_views v WHERE v.schema = TG_TABLE_SCHEMA AND v.board = 'awf_' || OLD.dashboard_type AND v.name = OLD.name) THEN
        PERFORM tally.drop_view(was, OLD.name);
    END IF;
    -- A private one stays here alone: a saved view of a board is seen by a role, and many people may share a role.
    IF becomes IS NOT NULL THEN
        PERFORM tally.save_view(becomes, NEW.name, NEW.filters - 'since', NEW.filters ->> 'since', shared => true, by => NEW.created_by::text,
            -- An entry with a relation is for a program that draws by itself.
            layout => NULLIF(jsonb_path_query_array(NEW.layout, '$.panels[*] ? (!exists (@.relation))'), '[]'));
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION awf_dashboard_view_kept() IS
'Trigger: keeps public views of dashboards as saved views of the boards, and refuses filters and panels that a board lacks.';

-- step: trigger awf_dashboard_view_kept ON awf_dashboard_views
CREATE OR REPLACE TRIGGER awf_dashboard_view_kept AFTER INSERT OR UPDATE OR DELETE ON awf_dashboard_views
    FOR EACH ROW EXECUTE FUNCTION awf_dashboard_view_kept();
