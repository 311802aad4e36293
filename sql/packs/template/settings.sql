-- Owns: the settings of the template pack, as a table that its user changes.

-- step: table shop_settings
CREATE TABLE IF NOT EXISTS shop_settings (
    name  text PRIMARY KEY,
    value int NOT NULL
);
COMMENT ON TABLE shop_settings IS 'Settings of the shop''s figures; UPDATE them as you like.';
COMMENT ON COLUMN shop_settings.name IS 'Name of the setting.';
COMMENT ON COLUMN shop_settings.value IS 'Its value.';

-- step: rows shop_settings
INSERT INTO shop_settings VALUES ('fewest_orders', 5) ON CONFLICT DO NOTHING;
