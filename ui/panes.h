/*
 * panes: the console's panes, in the order of their digits. Each is a file of its
 * own, pane_NAME.c.
 */
#ifndef UI_PANES_H
#define UI_PANES_H

#include "ui/pane.h"

extern const struct pane_ops pane_live, pane_runbook, pane_job, pane_record,
    pane_people;

#endif
