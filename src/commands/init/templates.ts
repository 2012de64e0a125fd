/** A first environment file. `schema` is what editors complete from. */
export const environmentTemplate = (schema: string): string => `# yaml-language-server: $schema=${schema}

# Where its files come from: the machine's own (protected by a layer), a directory or an archive.
rootfs: host

# What runs in it. Without a command it idles, and you enter it with \`pavlos shell\`.
# command: [npm, run, dev]

# env:
#   NODE_ENV: development

# mounts:
#   - ../data:/data:ro

# Limits; a change of them is applied while it runs.
# resources:
#   cpus: 2
#   memory: 2GiB
`;

/** The same project in TypeScript: the files stay, and more can be made with the machine's facts. */
export const configTemplate = (project: string): string => `import { defineConfig } from "pavlos";

export default defineConfig((host) => ({
  project: ${JSON.stringify(project.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-"))},
  include: ["environments/*.yaml"],
  environments: {
    // tests: { rootfs: "host", command: ["npm", "test"], resources: { cpus: Math.max(1, host.cpus / 2) } },
  },
}));
`;
