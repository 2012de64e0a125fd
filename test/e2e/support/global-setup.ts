import { installation, removeUsers } from "./callers.ts";

/** Makes the installation once for all files of the suite and removes what the suite made. */
export default function setup(): () => void {
  process.env.PAVLOS_E2E_RUN = String(process.pid);
  process.env.PAVLOS_E2E_INSTALLATION = installation();
  return removeUsers;
}
