"""The original's faults that other modules test in passing, named so that none gets lost."""

from __future__ import annotations

import importlib

import pytest

# What the original did, and the module and test that would fail on it.

ELSEWHERE = {
    "only so much of an identity was compared as was expected, and not its type": (
        "test_peer_identity",
        "test_remote_id_means_type_and_full_value",
    ),
    "the length of an identity was not held against its type": (
        "test_peer_identity",
        "test_other_types_and_lengths_are_refused",
    ),
    "a connection was found by its Local-ID alone, whatever protocol, port and peer": (
        "test_quick_mode_refusals",
        "test_ids_of_no_connection_are_refused",
    ),
    "another peer could ask for a connection": (
        "test_quick_mode_refusals",
        "test_a_connection_of_another_peer_is_none_of_this_peers",
    ),
    "identities returned in quick mode took the place of ours": (
        "test_quick_mode_refusals",
        "test_returned_ids_must_be_those_we_proposed",
    ),
    "a responder took any algorithm, PFS or none, and any lifetime": (
        "test_quick_mode_refusals",
        "test_a_proposal_that_differs_is_refused",
    ),
    "a group without KE was accepted without PFS": (
        "test_quick_mode_refusals",
        "test_pfs_on_one_side",
    ),
    "an answer could change what was offered": (
        "test_quick_mode_refusals",
        "test_an_answer_we_did_not_offer",
    ),
    "recorded messages were obeyed again": ("test_inbound", "test_replayed_messages_do_nothing"),
    "an INFO without HASH was believed; ciphertext could have any length; DPD was read too far": (
        "test_inbound",
        "test_what_an_sa_does_not_take",
    ),
    "a NOTIFY or Delete could announce more than it held, authenticated": (
        "test_informational",
        "test_sizes_that_lie",
    ),
    "every first message made state for two minutes": (
        "test_floods",
        "test_a_flood_of_first_messages_is_bounded_and_others_get_through",
    ),
    "refusals went to whoever was named as the sender": (
        "test_floods",
        "test_refusals_are_answered_rarely_and_never_at_length",
    ),
    "a lost message 2 was never sent again": (
        "test_exchange",
        "test_duplicates_are_answered_by_the_side_without_a_timer",
    ),
    "answers to duplicates knew no bound": (
        "test_exchange",
        "test_answers_to_duplicates_are_bounded",
    ),
    "a caller repeated message 1 under one cookie for ever": (
        "test_exchange",
        "test_nobody_answers",
    ),
    "two lifetimes in one transform never matched": (
        "test_phase1_proposal",
        "test_what_is_offered_is_accepted_by_the_same_configuration",
    ),
    "two isakmpds never found the NAT in aggressive mode": (
        "test_phase1_nat",
        "test_two_of_ours_through_a_nat_in_aggressive_mode",
    ),
    "nonces could be empty or endless": (
        "test_main_mode_refusals",
        "test_key_exchange_and_nonce_of_main_mode",
    ),
    "a key of the Default peer hid those of identities": (
        "test_pre_shared_keys",
        "test_aggressive_mode_takes_the_key_of_the_identity",
    ),
    "HMAC keys were padded to 64 octets for every hash": (
        "test_phase1_keys",
        "test_the_block_is_the_tags_else_the_vendors",
    ),
    "AES without KEY_LENGTH meant 256 bits": ("test_phase1_keys", "test_aes_without_key_length"),
    "the digest that seeds phase 2 must be cut to a block": (
        "test_aggressive_mode",
        "test_the_first_iv_is_cut_to_a_block",
    ),
    "a Delete names the sender's inbound SPI, and one unknown SPI voided it": (
        "test_informational",
        "test_a_delete_of_many_spis_takes_those_we_have",
    ),
    "INITIAL-CONTACT swept away whoever shared an address": (
        "test_main_mode",
        "test_initial_contact_of_another_identity_ends_nothing",
    ),
    "INITIAL-CONTACT was due once in a daemon's life": (
        "test_main_mode",
        "test_initial_contact_is_sent_to_a_peer_we_share_nothing_with",
    ),
    "a protected refusal was ignored": (
        "test_quick_mode_refusals",
        "test_a_protected_refusal_ends_quick_mode_at_once",
    ),
    "an unprotected one must end nothing": (
        "test_quick_mode_refusals",
        "test_a_refusal_in_clear_ends_nothing",
    ),
    "a peer may rekey twice before it deletes": (
        "test_quick_mode",
        "test_the_peer_may_rekey_twice_before_it_deletes",
    ),
    "transforms come back with the numbers they had": (
        "test_quick_mode",
        "test_the_second_proposal_is_taken_where_the_first_will_not_do",
    ),
    "one SPI length was used for all protocols of an offer": (
        "test_quick_mode_bundles",
        "test_an_offer_numbers_suites_and_sizes_each_spi",
    ),
    "mode config without attributes took quick mode down with it": (
        "test_mode_config",
        "test_a_section_with_nothing_in_it_is_logged_and_quick_mode_goes_on",
    ),
    "logs printed keys": ("test_secrets", "test_no_secret_is_written_by_a_responder"),
}


@pytest.mark.parametrize("fault", ELSEWHERE)
def test_every_other_fault_has_its_test(fault: str) -> None:
    """Under the name given here."""
    module, name = ELSEWHERE[fault]
    assert callable(getattr(importlib.import_module(f"tests.ike.{module}"), name))
