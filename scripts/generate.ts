// Makes all generated files anew; CI fails when that changes one of them.
import { generateEnvironment } from "./generate-environment.ts";

await generateEnvironment();
