//! Owns the one ordered list of SQL files that make up the extension.
//!
//! The order is the arrow of the data (`sql/s10_…` to `sql/s90_…`); every file names its predecessor, so nothing is
//! left to the order in which a linker finds things.

use pgrx::extension_sql_file;

/// Chains SQL files: each one requires the one before it.
macro_rules! sql_files {
    ($first:literal as $first_name:literal; $($rest:tt)*) => {
        extension_sql_file!($first, name = $first_name, bootstrap);
        sql_files!(@after $first_name; $($rest)*);
    };
    (@after $prev:literal;) => {};
    (@after $prev:literal; $file:literal as $name:literal; $($rest:tt)*) => {
        extension_sql_file!($file, name = $name, requires = [$prev]);
        sql_files!(@after $name; $($rest)*);
    };
}

sql_files! {
    "../sql/s10_kernel/types.sql" as "kernel_types";
    "../sql/s10_kernel/tdigest.sql" as "kernel_tdigest";
    "../sql/s10_kernel/small.sql" as "kernel_small";
    "../sql/s10_kernel/funnel.sql" as "kernel_funnel";
    "../sql/s10_kernel/sessions.sql" as "kernel_sessions";
    "../sql/s10_kernel/hll.sql" as "kernel_hll";
    "../sql/s10_kernel/funnel_counts.sql" as "kernel_funnel_counts";
    "../sql/s10_kernel/retention.sql" as "kernel_retention";
    "../sql/s10_kernel/sketch_casts.sql" as "kernel_sketch_casts";
    "../sql/s10_kernel/next_events.sql" as "kernel_next_events";
    "../sql/s10_kernel/suppress.sql" as "kernel_suppress";
    "../sql/s10_kernel/stats.sql" as "kernel_stats";
    "../sql/s10_kernel/totals.sql" as "kernel_totals";
    "../sql/s10_kernel/entropy.sql" as "kernel_entropy";
    "../sql/s10_kernel/topk.sql" as "kernel_topk";
    "../sql/s10_kernel/alert.sql" as "kernel_alert";
    "../sql/s10_kernel/engine.sql" as "kernel_engine";
    "../sql/s20_catalog/rollups.sql" as "catalog_rollups";
    "../sql/s20_catalog/odd_rows.sql" as "catalog_odd_rows";
    "../sql/s20_catalog/retention.sql" as "catalog_retention";
    "../sql/s20_catalog/runs.sql" as "catalog_runs";
    "../sql/s20_catalog/members.sql" as "catalog_members";
    "../sql/s30_capture/lock.sql" as "capture_lock";
    "../sql/s30_capture/capture.sql" as "capture";
    "../sql/s30_capture/members.sql" as "capture_members";
    "../sql/s30_capture/ddl.sql" as "capture_ddl";
    "../sql/s40_rollup/bucket.sql" as "rollup_bucket";
    "../sql/s40_rollup/measures.sql" as "rollup_measures";
    "../sql/s40_rollup/definition.sql" as "rollup_definition";
    "../sql/s40_rollup/lookback.sql" as "rollup_lookback";
    "../sql/s40_rollup/key.sql" as "rollup_key";
    "../sql/s40_rollup/key_marks.sql" as "rollup_key_marks";
    "../sql/s40_rollup/check.sql" as "rollup_check";
    "../sql/s40_rollup/create.sql" as "rollup_create";
    "../sql/s40_rollup/statistics.sql" as "rollup_statistics";
    "../sql/s40_rollup/build.sql" as "rollup_build";
    "../sql/s40_rollup/drop.sql" as "rollup_drop";
    "../sql/s40_rollup/apply.sql" as "rollup_apply";
    "../sql/s40_rollup/odd_times.sql" as "rollup_odd_times";
    "../sql/s40_rollup/ranges.sql" as "rollup_ranges";
    "../sql/s40_rollup/refresh.sql" as "rollup_refresh";
    "../sql/s40_rollup/backfill.sql" as "rollup_backfill";
    "../sql/s40_rollup/verify.sql" as "rollup_verify";
    "../sql/s40_rollup/freeze.sql" as "rollup_freeze";
    "../sql/s40_rollup/retain.sql" as "rollup_retain";
    "../sql/s40_rollup/late.sql" as "rollup_late";
    "../sql/s40_rollup/conform.sql" as "rollup_conform";
    "../sql/s40_rollup/alter.sql" as "rollup_alter";
    "../sql/s45_behaviour/tables.sql" as "behaviour_tables";
    "../sql/s45_behaviour/funnel.sql" as "behaviour_funnel";
    "../sql/s45_behaviour/funnel_read.sql" as "behaviour_funnel_read";
    "../sql/s45_behaviour/retention.sql" as "behaviour_retention";
    "../sql/s50_metric/tables.sql" as "metric_tables";
    "../sql/s50_metric/resolve.sql" as "metric_resolve";
    "../sql/s50_metric/view.sql" as "metric_view";
    "../sql/s50_metric/define.sql" as "metric_define";
    "../sql/s50_metric/merge.sql" as "metric_merge";
    "../sql/s50_metric/fill.sql" as "metric_fill";
    "../sql/s50_metric/answer.sql" as "metric_answer";
    "../sql/s50_metric/read.sql" as "metric_read";
    "../sql/s50_metric/report.sql" as "metric_report";
    "../sql/s50_metric/probe_tables.sql" as "metric_probe_tables";
    "../sql/s50_metric/probe.sql" as "metric_probe";
    "../sql/s60_alert/threshold_tables.sql" as "alert_threshold_tables";
    "../sql/s60_alert/incident_tables.sql" as "alert_incident_tables";
    "../sql/s60_alert/define.sql" as "alert_define";
    "../sql/s60_alert/sample.sql" as "alert_sample";
    "../sql/s60_alert/outbox_tables.sql" as "alert_outbox_tables";
    "../sql/s60_alert/suppress.sql" as "alert_suppress";
    "../sql/s60_alert/notify.sql" as "alert_notify";
    "../sql/s60_alert/channel.sql" as "alert_channel";
    "../sql/s60_alert/deliver.sql" as "alert_deliver";
    "../sql/s60_alert/evidence.sql" as "alert_evidence";
    "../sql/s60_alert/incident.sql" as "alert_incident";
    "../sql/s60_alert/evaluate.sql" as "alert_evaluate";
    "../sql/s60_alert/handle.sql" as "alert_handle";
    "../sql/s60_alert/replay.sql" as "alert_replay";
    "../sql/s60_alert/slo.sql" as "alert_slo";
    "../sql/s70_schedule/task_tables.sql" as "schedule_task_tables";
    "../sql/s70_schedule/schedule.sql" as "schedule";
    "../sql/s70_schedule/task.sql" as "schedule_task";
    "../sql/s80_report/fault.sql" as "report_fault";
    "../sql/s80_report/status.sql" as "report_status";
    "../sql/s80_report/progress.sql" as "report_progress";
    "../sql/s60_alert/health.sql" as "alert_health";
    "../sql/s90_grants/engine.sql" as "grants_engine";
    "../sql/s90_grants/behaviour.sql" as "grants_behaviour";
    "../sql/packs/tables.sql" as "pack_tables";
    "../sql/packs/install.sql" as "pack_install";
    "../sql/packs/grants.sql" as "pack_grants";
    "../sql/packs/awf/source.sql" as "pack_awf_source";
    "../sql/packs/awf/rollups.sql" as "pack_awf_rollups";
    "../sql/packs/awf/settings.sql" as "pack_awf_settings";
    "../sql/packs/awf/metrics.sql" as "pack_awf_metrics";
    "../sql/packs/awf/balance.sql" as "pack_awf_balance";
    "../sql/packs/awf/thresholds.sql" as "pack_awf_thresholds";
    "../sql/packs/awf/views.sql" as "pack_awf_views";
    "../sql/packs/awf/alerts.sql" as "pack_awf_alerts";
    "../sql/packs/awf/dashboards.sql" as "pack_awf_dashboards";
    "../sql/packs/awf/readers.sql" as "pack_awf_readers";
    "../sql/packs/awf/generator.sql" as "pack_awf_generator";
    "../sql/packs/operator_dashboard/source.sql" as "pack_operator_dashboard_source";
    "../sql/packs/operator_dashboard/rollups.sql" as "pack_operator_dashboard_rollups";
    "../sql/packs/operator_dashboard/metrics.sql" as "pack_operator_dashboard_metrics";
    "../sql/packs/operator_dashboard/views_ingest.sql" as "pack_operator_dashboard_views_ingest";
    "../sql/packs/operator_dashboard/views_transcode.sql" as "pack_operator_dashboard_views_transcode";
    "../sql/packs/operator_dashboard/views_worker.sql" as "pack_operator_dashboard_views_worker";
    "../sql/packs/operator_dashboard/views_playback.sql" as "pack_operator_dashboard_views_playback";
    "../sql/packs/operator_dashboard/views_release.sql" as "pack_operator_dashboard_views_release";
    "../sql/packs/operator_dashboard/alerts.sql" as "pack_operator_dashboard_alerts";
    "../sql/packs/operator_dashboard/generator.sql" as "pack_operator_dashboard_generator";
    "../sql/packs/operator_control_center/source.sql" as "pack_operator_control_center_source";
    "../sql/packs/operator_control_center/rollups.sql" as "pack_operator_control_center_rollups";
    "../sql/packs/operator_control_center/views.sql" as "pack_operator_control_center_views";
    "../sql/packs/operator_control_center/nightly.sql" as "pack_operator_control_center_nightly";
    "../sql/packs/operator_control_center/generator.sql" as "pack_operator_control_center_generator";
    "../sql/packs/product_analytics/source.sql" as "pack_product_analytics_source";
    "../sql/packs/product_analytics/rollups.sql" as "pack_product_analytics_rollups";
    "../sql/packs/product_analytics/taxonomy.sql" as "pack_product_analytics_taxonomy";
    "../sql/packs/product_analytics/views.sql" as "pack_product_analytics_views";
    "../sql/packs/product_analytics/metrics.sql" as "pack_product_analytics_metrics";
    "../sql/packs/product_analytics/funnel.sql" as "pack_product_analytics_funnel";
    "../sql/packs/product_analytics/readers.sql" as "pack_product_analytics_readers";
    "../sql/packs/product_analytics/generator.sql" as "pack_product_analytics_generator";
    "../sql/s90_grants/dump.sql" as "grants_dump";
}
