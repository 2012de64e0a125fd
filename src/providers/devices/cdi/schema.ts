import * as z from "zod";
import schema from "../../../../schema/cdi.schema.json" with { type: "json" };

/** A CDI file, by schema/cdi.schema.json. Loaded only where there is one. */
export const cdiDocument = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
