import { defineConfig } from "pavlos";

// The environments of this repository: those in environments/, and one that depends on the machine.
export default defineConfig((host) => ({
  project: "pavlos",
  environments: {
    build: {
      profiles: ["samples"],
      rootfs: "host",
      env: { CARGO_BUILD_JOBS: Math.max(1, Math.floor(host.cpus / 2)) },
      resources: { cpuWeight: 50 },
    },
  },
}));
