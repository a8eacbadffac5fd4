#include "postgres.h"
#include "scope.h"
List *tg_scope_doubts(const RelationFacts *facts pg_attribute_unused()) { return NIL; }
