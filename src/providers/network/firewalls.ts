import type { HostFacts } from "../../model/host.ts";
import type { Notice } from "../../model/source.ts";
import type { NetworkTools } from "./tools.ts";

/** Somebody else's rules that drop what is forwarded, also what comes from and goes to Pavlos's bridges. */
export interface Blocker {
  /** "chain FORWARD of the table ip filter". */
  readonly where: string;
  /** Who made it, as far as its rules show. */
  readonly whose: string;
  /** Commands that let Pavlos's bridges through. */
  readonly fix: string;
}

type Machine = Pick<NetworkTools, "programs" | "files"> & { readonly host: Pick<HostFacts, "caller"> };

/**
 * Without root networks are in a namespace of their own, where there is no firewall. Nobody can tell without
 * `nft`: then nobody is in the way.
 */
export async function findBlockers({ programs, files, host }: Machine): Promise<readonly Blocker[]> {
  if (host.caller.uid !== 0) return [];
  const nft = programs.find("nft");
  const listed = nft === null ? null : await programs.run(nft, ["-s", "list", "ruleset"]);
  return await blockersBeside({ programs, files }, listed?.code === 0 ? listed.stdout : "");
}

/** The same where the tables were listed already. */
export const blockersBeside = async (
  { programs, files }: Pick<Machine, "programs" | "files">,
  ruleset: string,
): Promise<readonly Blocker[]> => [...blockersIn(ruleset), ...(await legacyBlockers(programs, files))];

export const tellOf = ({ where, whose, fix }: Blocker): Notice => ({
  code: "forwarding-blocked",
  environment: null,
  message: `the ${where} (${whose}) drops what is forwarded: environments do not get out, and ports do not lead in`,
  hint: fix,
});

interface Table {
  readonly family: string;
  readonly name: string;
  readonly text: string;
}

/** In what `nft list ruleset` prints. Every table is asked, so that one which drops is enough. Pure. */
export function blockersIn(ruleset: string): readonly Blocker[] {
  return tablesIn(ruleset).flatMap((table) => {
    if (table.name.startsWith("pavlos_") || letsThrough.test(table.text)) return [];
    return table.text
      .split(/^\tchain /m)
      .slice(1)
      .filter((chain) => /type filter hook forward/.test(chain) && drops(chain))
      .map((chain) => blocker(table, chain.split(" ")[0] ?? ""));
  });
}

const letsThrough = /iifname "pvb\*".* accept/;

/** By its policy, or by a last rule without a condition. */
function drops(chain: string): boolean {
  if (/policy drop/.test(chain)) return true;
  const [last = ""] = chain
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && line !== "}")
    .slice(-1);
  return /^(counter (packets \d+ bytes \d+ )?)?(drop|reject.*)$/.test(last);
}

/** Their lines that end a table are the only ones with a brace at their beginning. */
const tablesIn = (ruleset: string): readonly Table[] =>
  [...ruleset.matchAll(/^table (\S+) (\S+) \{\n([\s\S]*?)^\}/gm)].map(
    ([, family = "", name = "", text = ""]) => ({ family, name, text }),
  );

function blocker({ family, name, text }: Table, chain: string): Blocker {
  const where = `chain ${chain} of the table ${family} ${name}`;
  if (/^\tchain DOCKER-USER /m.test(text)) {
    const program = family === "ip6" ? "ip6tables" : "iptables";
    return {
      where,
      whose: "docker",
      fix: both((to) => `sudo ${program} -I DOCKER-USER ${to.option} 'pvb+' -j ACCEPT`),
    };
  }
  const whose =
    name === "firewalld" ? "firewalld" : /^\tchain ufw6?-/m.test(text) ? "ufw" : "another firewall";
  const fix = both((to) => `sudo nft 'insert rule ${family} ${name} ${chain} ${to.match} "pvb*" accept'`);
  return { where, whose, fix };
}

interface Direction {
  readonly option: "-i" | "-o";
  readonly match: "iifname" | "oifname";
}

const both = (command: (to: Direction) => string): string =>
  `${command({ option: "-i", match: "iifname" })} && ${command({ option: "-o", match: "oifname" })}`;

/** The kernel's older tables, which nft does not show; mostly there are none. */
async function legacyBlockers(
  programs: Machine["programs"],
  files: Machine["files"],
): Promise<readonly Blocker[]> {
  if (files.readText("/proc/net/ip_tables_names")?.includes("filter") !== true) return [];
  const iptables = programs.find("iptables-legacy");
  const listed = iptables === null ? null : await programs.run(iptables, ["-S"]);
  return listed?.code === 0 ? legacyBlockersIn(listed.stdout) : [];
}

/** In what `iptables-legacy -S` prints. Pure. */
export function legacyBlockersIn(rules: string): readonly Blocker[] {
  if (!/^-P FORWARD DROP$/m.test(rules) || /-i pvb\+ .*-j ACCEPT/.test(rules)) return [];
  const [chain, whose] = /^-N DOCKER-USER$/m.test(rules)
    ? ["DOCKER-USER", "docker"]
    : ["FORWARD", "another firewall"];
  const fix = both((to) => `sudo iptables-legacy -I ${chain} ${to.option} 'pvb+' -j ACCEPT`);
  return [{ where: "chain FORWARD of iptables-legacy", whose, fix }];
}
