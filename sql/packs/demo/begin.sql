-- Owns: how the demos of the packs look. scripts/demo.sh runs it first.
\set QUIET on
\set VERBOSITY terse
\set ON_ERROR_STOP on
\pset pager off
\pset footer off
\pset linestyle unicode
\pset border 0
\if :{?EVENTS} \else \set EVENTS 1000000 \endif
SELECT to_char(:EVENTS, 'FM999,999,999,999') AS events \gset
