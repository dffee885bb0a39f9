from django.urls import path, register_converter

from supportagent.workspace import actions, desk_actions, rating_views, views
from supportagent.workspace.numbers import TicketNumber

register_converter(TicketNumber, "ticket_number")

app_name = "workspace"
urlpatterns = [
    path("console/tickets/", views.tickets, name="tickets"),
    path("console/tickets/<ticket_number:number>/", views.ticket, name="ticket"),
    path("console/tickets/<ticket_number:number>/take-over/", actions.take_over, name="take_over"),
    path("console/tickets/<ticket_number:number>/hand-back/", actions.hand_back, name="hand_back"),
    path("console/tickets/<ticket_number:number>/reply/", actions.reply, name="reply"),
    path("console/tickets/<ticket_number:number>/note/", actions.note, name="note"),
    path("console/tickets/<ticket_number:number>/state/", actions.move, name="state"),
    path("console/tickets/<ticket_number:number>/call/", actions.call_tool, name="call_tool"),
    path("console/tickets/<ticket_number:number>/drafts/", actions.save_draft, name="save_draft"),
    path("console/tickets/<ticket_number:number>/drafts/<int:pk>/send/", actions.send_draft, name="send_draft"),
    path(
        "console/tickets/<ticket_number:number>/drafts/<int:pk>/discard/", actions.discard_draft, name="discard_draft"
    ),
    path(
        "console/tickets/<ticket_number:number>/drafts/<int:pk>/approve/", actions.approve_draft, name="approve_draft"
    ),
    path(
        "console/tickets/<ticket_number:number>/triage/<int:pk>/label/", desk_actions.label_triage, name="label_triage"
    ),
    path(
        "console/tickets/<ticket_number:number>/triage/<int:pk>/return/",
        desk_actions.sort_and_return,
        name="sort_and_return",
    ),
    path("console/tickets/<ticket_number:number>/ask/", desk_actions.ask_agent, name="ask_agent"),
    path("console/tickets/<ticket_number:number>/close/", desk_actions.close, name="close"),
    path("console/tickets/<ticket_number:number>/scenario/", desk_actions.export_scenario, name="export_scenario"),
    path("console/tickets/<ticket_number:number>/merge/", desk_actions.merge, name="merge"),
    path("console/ratings/", rating_views.ratings, name="ratings"),
    path("console/ratings/<int:pk>/care/", rating_views.take_care, name="care_for_rating"),
]
