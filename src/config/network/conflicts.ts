import type { Environment, OwnNetwork } from "../../model/environment.ts";
import { formatPort } from "../../model/port.ts";
import type { Place, Places, Problem } from "../../model/source.ts";
import { placeOf } from "../places.ts";
import { problemWithoutPlace, type Saying } from "../problem.ts";
import { collide } from "./ports.ts";

interface Active {
  readonly environment: Environment;
  readonly places: Places;
  readonly origin: Place;
}

interface Member extends Active {
  readonly network: OwnNetwork;
}

/** What two environments cannot both have: a port of the machine, an address, a name. */
export function conflicts(active: readonly Active[]): readonly Problem[] {
  const members = active.flatMap((one): readonly Member[] =>
    one.environment.network.kind === "networks" ? [{ ...one, network: one.environment.network }] : [],
  );
  return [...ports(members), ...addresses(members), ...names(members)];
}

function* ports(members: readonly Member[]): Generator<Problem> {
  const seen: { readonly member: Member; readonly index: number }[] = [];
  for (const member of members) {
    const own = member.network.ports.map((port, index) => ({ member, index, port }));
    for (const { index, port } of own) {
      const other = seen.find((one) => {
        const theirs = one.member.network.ports[one.index];
        return theirs !== undefined && collide(theirs, port);
      });
      if (other)
        yield at(member, `network.ports[${index}]`, {
          code: "port-twice",
          message: `the host's port of "${formatPort(port)}" is published by ${other.member.environment.name} too${line(other.member, `network.ports[${other.index}]`)}`,
          hint: "give one of them another port, or `auto`",
        });
    }
    seen.push(...own);
  }
}

function* addresses(members: readonly Member[]): Generator<Problem> {
  const seen = new Map<string, Member>();
  for (const member of members) {
    const { ip, networks } = member.network;
    if (ip === null) continue;
    const key = `${networks[0]?.name} ${ip}`;
    const other = seen.get(key);
    if (other)
      yield at(member, "network.ip", {
        code: "address-taken",
        message: `the address ${ip} is ${other.environment.name}'s too${line(other, "network.ip")}`,
        hint: "choose another one, or leave it out: one is chosen then",
      });
    seen.set(key, member);
  }
}

/** A name leads to one environment only. */
function* names(members: readonly Member[]): Generator<Problem> {
  const seen = new Map<string, Member>();
  for (const member of members)
    for (const { name } of member.network.networks) seen.set(`${name} ${member.environment.name}`, member);
  for (const member of members) {
    for (const [index, alias] of member.network.aliases.entries()) {
      for (const { name } of member.network.networks) {
        const other = seen.get(`${name} ${alias}`);
        if (other && other !== member)
          yield at(member, `network.aliases[${index}]`, {
            code: "alias-taken",
            message: `\`${alias}\` is a name of ${other.environment.name} on the network ${name} already`,
            hint: "choose another alias",
          });
        seen.set(`${name} ${alias}`, member);
      }
    }
  }
}

const at = (member: Member, path: string, saying: Saying): Problem => ({
  ...problemWithoutPlace(saying),
  place: placeOf(member.places, path) ?? member.origin,
});

function line(member: Member, path: string): string {
  const place = placeOf(member.places, path);
  return place === null ? "" : ` (${place.file.split("/").at(-1)}:${place.line})`;
}
