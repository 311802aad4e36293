-- Owns: what is watched of the template pack.

-- step: threshold shop return rate
SELECT tally.create_threshold('shop return rate', metric => 'shop_return_rate', condition => '> 0.2', over => '1 day', per => '{country}',
    min_samples => 20, no_data => 'ok', severity => 'warning', owner => 'shop', runbook => 'https://runbooks.example/shop/returns',
    description => 'Too much is sent back.');
