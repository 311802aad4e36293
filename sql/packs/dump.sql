-- Owns: what pg_dump keeps of packs: which are installed, and what those are made of that somebody has registered. The others come with the extension.

SELECT pg_catalog.pg_extension_config_dump('tally.pack_list', 'WHERE owner IS NOT NULL');
SELECT pg_catalog.pg_extension_config_dump('tally.pack_steps', 'WHERE EXISTS (SELECT FROM tally.pack_list l WHERE l.name = pack AND l.owner IS NOT NULL)');
SELECT pg_catalog.pg_extension_config_dump('tally.pack_columns', 'WHERE EXISTS (SELECT FROM tally.pack_list l WHERE l.name = pack AND l.owner IS NOT NULL)');
