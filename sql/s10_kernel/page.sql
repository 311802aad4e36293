-- Owns: how a board looks. Rust draws a model, which SQL gathers (sql/s85_board); nothing is read here.

CREATE OR REPLACE FUNCTION tally_internal._page_html(model jsonb) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'tally_page_html';
COMMENT ON FUNCTION tally_internal._page_html(jsonb) IS 'The page of a board''s model: a whole HTML document, all text of users escaped.';

CREATE OR REPLACE FUNCTION tally_internal._page_text(model jsonb) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'tally_page_text';
COMMENT ON FUNCTION tally_internal._page_text(jsonb) IS 'A board''s model as text for the prompt, without control characters.';
