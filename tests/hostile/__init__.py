"""The hostile-model suite: a model that attacks us over real HTTP, and a score that does not ask the gate for its view.

Three levels (`fixed`, `obedient`, `enumerating`) play one installation (`estate`) through the loop (`stage`). What they
achieved is the difference of the domain's rows before and after (`domain`), and every byte that left (`outbound`),
searched for planted secrets (`canaries`). A bot plays the supervisor: it approves what the customer asked for and
nothing else. `utility` is the other half: honest conversations must still succeed.

`make hostile` plays everything and prints the table of `report`; `make test` plays a short part.
"""
