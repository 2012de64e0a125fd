// Makes all generated files anew; CI fails when that changes one of them.
import { generateEnvironment } from "./generate-environment.ts";
import { generateOci } from "./generate-oci.ts";

await generateEnvironment();
await generateOci();
