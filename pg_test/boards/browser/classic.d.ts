// Owns: Grafana's own type of a classic dashboard, as JSON holds one.
import type { Dashboard, Panel, VariableModel } from "@grafana/schema";

// JSON holds the values of enums, not their names.
type Plain<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
    : T extends Array<infer U> ? Array<Plain<U>> : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
// What the type leaves to data sources: a panel's links are those of its editor, a query variable keeps the text of its query beside it.
type Link = { title: string; url: string; targetBlank: boolean };
type Target = { refId: string; datasource: { type: string; uid: string }; editorMode: "code"; format: "table" | "time_series"; rawQuery: true; rawSql: string };
type OurPanel = Omit<Plain<Panel>, "links" | "targets"> & { links: Link[]; targets: Target[] };
type OurAnnotation = Omit<NonNullable<NonNullable<Plain<Dashboard>["annotations"]>["list"]>[number], "target"> & { target: Target };
export type Classic = Omit<Plain<Dashboard>, "panels" | "templating" | "annotations"> & {
    panels: OurPanel[];
    templating: { list: Array<Plain<VariableModel> & { definition?: string }> };
    annotations: { list: OurAnnotation[] };
};
