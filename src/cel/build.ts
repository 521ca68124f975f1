// Makes nodes of the syntax tree, each with an id of its own.
import type { Call, Comprehension, Constant, Expr, Ident, ListExpr, MapExpr, Select, StructExpr } from "./ast.ts";
import type { Value } from "./values.ts";

export class NodeBuilder {
  private last = 0;

  const(offset: number, value: Value): Constant {
    return { kind: "const", id: ++this.last, offset, value };
  }
  ident(offset: number, name: string): Ident {
    return { kind: "ident", id: ++this.last, offset, name };
  }
  select(offset: number, operand: Expr, field: string, testOnly = false): Select {
    return { kind: "select", id: ++this.last, offset, operand, field, testOnly };
  }
  call(offset: number, name: string, args: readonly Expr[], target?: Expr): Call {
    return { kind: "call", id: ++this.last, offset, name, target, args };
  }
  list(offset: number, elements: ListExpr["elements"]): ListExpr {
    return { kind: "list", id: ++this.last, offset, elements };
  }
  map(offset: number, entries: MapExpr["entries"]): MapExpr {
    return { kind: "map", id: ++this.last, offset, entries };
  }
  struct(offset: number, typeName: string, fields: StructExpr["fields"]): StructExpr {
    return { kind: "struct", id: ++this.last, offset, typeName, fields };
  }
  comprehension(offset: number, parts: Omit<Comprehension, "kind" | "id" | "offset">): Comprehension {
    return { kind: "comprehension", id: ++this.last, offset, ...parts };
  }
}
